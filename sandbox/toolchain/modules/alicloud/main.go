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

func main() {
	var table struct {
		Resources   map[string]string `json:"resources"`
		DataSources map[string]string `json:"dataSources"`
	}
	if err := json.Unmarshal(tokensJSON, &table); err != nil {
		panic(err)
	}
	provider := tfbridge.ProviderInfo{
		P:                           shimv1.NewProvider(alicloud.Provider().(*schema.Provider)),
		Name:                        "alicloud",
		Version:                     version,
		Resources:                   map[string]*tfbridge.ResourceInfo{},
		DataSources:                 map[string]*tfbridge.DataSourceInfo{},
		IgnoreMappings:              nil,
		MetadataInfo:                tfbridge.NewProviderMetadata([]byte("{}")),
		EnableAccurateBridgePreview: true,
	}
	for name, target := range table.Resources {
		provider.Resources[name] = &tfbridge.ResourceInfo{Tok: tokens.Type(token(target))}
	}
	for name, target := range table.DataSources {
		provider.DataSources[name] = &tfbridge.DataSourceInfo{Tok: tokens.ModuleMember(token(target))}
	}
	provider.SetAutonaming(255, "-")
	tfbridge.Main("alicloud", version, provider, []byte(`{"name":"alicloud","version":"`+version+`"}`))
}

// token turns "vpc/Network" into "alicloud:vpc/network:Network".
func token(target string) string {
	module, name, _ := strings.Cut(target, "/")
	runes := []rune(name)
	runes[0] = unicode.ToLower(runes[0])
	return "alicloud:" + module + "/" + string(runes) + ":" + name
}
