// Command pulumi-resource-alicloud is the real Alibaba Cloud Terraform provider
// behind Pulumi's bridge, under the same tokens as the official pulumi-alicloud
// plugin. It is built where that plugin cannot be downloaded.
package main

import (
	"encoding/json"
	"strings"
	"unicode"

	_ "embed"

	"github.com/aliyun/terraform-provider-alicloud/alicloud"
	"github.com/hashicorp/terraform-plugin-sdk/helper/schema"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shimv1 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v1"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

// version is the version of the official plugin whose tokens and properties this one has.
const version = "4.0.0"

// tokensJSON maps each Terraform resource and data source to "module/Name".
//
//go:embed tokens.json
var tokensJSON []byte

// fields holds the properties whose shape in the official plugin is not the one that the bridge derives.
var fields = map[string]map[string]*tfbridge.SchemaInfo{
	"alicloud_cs_managed_kubernetes": {
		"rrsa_metadata": {MaxItemsOne: tfbridge.True()},
	},
}

// lists holds the computed properties that Terraform declares as a map of one object and the official SDKs as a list.
// The provider's own map does not fit a list, so they stay unset; nothing should read a cluster's keys from there.
var lists = map[string][]string{
	"alicloud_cs_managed_kubernetes": {"certificate_authority", "connections"},
	"alicloud_cr_repo":               {"domain_list"},
}

func main() {
	var table struct {
		Resources   map[string]string `json:"resources"`
		DataSources map[string]string `json:"dataSources"`
	}
	if err := json.Unmarshal(tokensJSON, &table); err != nil {
		panic(err)
	}
	terraform := alicloud.Provider().(*schema.Provider)
	for name, properties := range lists {
		for _, property := range properties {
			terraform.ResourcesMap[name].Schema[property].Type = schema.TypeList
		}
	}
	terraform.ResourcesMap["alicloud_cs_managed_kubernetes"].Importer.State = importCluster
	provider := tfbridge.ProviderInfo{
		P:                           shimv1.NewProvider(terraform),
		Name:                        "alicloud",
		Version:                     version,
		Resources:                   map[string]*tfbridge.ResourceInfo{},
		DataSources:                 map[string]*tfbridge.DataSourceInfo{},
		IgnoreMappings:              nil,
		MetadataInfo:                tfbridge.NewProviderMetadata([]byte("{}")),
		EnableAccurateBridgePreview: true,
	}
	for name, target := range table.Resources {
		provider.Resources[name] = &tfbridge.ResourceInfo{Tok: tokens.Type(token(target)), Fields: fields[name]}
	}
	for name, target := range table.DataSources {
		provider.DataSources[name] = &tfbridge.DataSourceInfo{Tok: tokens.ModuleMember(token(target))}
	}
	provider.SetAutonaming(255, "-")
	tfbridge.Main("alicloud", version, provider, []byte(`{"name":"alicloud","version":"`+version+`"}`))
}

// importCluster reads a cluster without its certificate authority, which is one of `lists`: its own map would fail the import.
func importCluster(data *schema.ResourceData, _ interface{}) ([]*schema.ResourceData, error) {
	return []*schema.ResourceData{data}, data.Set("skip_set_certificate_authority", true)
}

// token turns "vpc/Network" into "alicloud:vpc/network:Network".
func token(target string) string {
	module, name, _ := strings.Cut(target, "/")
	runes := []rune(name)
	runes[0] = unicode.ToLower(runes[0])
	return "alicloud:" + module + "/" + string(runes) + ":" + name
}
