// Package client is object storage's side of the OpenAPI client's gateway
// interface: it addresses the bucket, writes the XML body, signs the request
// (signature version 4) and reads the XML answer. The Terraform provider uses
// it for the buckets' sub-resources (versioning, encryption, access control).
//
// The public module of this name is not served by the Go module proxy; this
// one implements the same interface on the official SDK's own signer.
// Wire format: https://help.aliyun.com/zh/oss/developer-reference/recommend-to-use-signature-version-4
package client

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	spi "github.com/alibabacloud-go/alibabacloud-gateway-spi/client"
	"github.com/alibabacloud-go/tea/tea"
	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss/credentials"
	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss/signer"
	"github.com/clbanning/mxj/v2"
)

// Client implements spi.ClientInterface for object storage.
type Client struct {
	spi.Client
}

// NewClient returns a client; it holds no state between requests.
func NewClient() (*Client, error) {
	return &Client{}, nil
}

// ModifyConfiguration fills in the public endpoint of the region when none was configured.
func (c *Client) ModifyConfiguration(ictx *spi.InterceptorContext, _ *spi.AttributeMap) error {
	configuration := ictx.Configuration
	if tea.StringValue(configuration.Endpoint) == "" {
		configuration.Endpoint = tea.String(fmt.Sprintf("oss-%s.aliyuncs.com", tea.StringValue(configuration.RegionId)))
	}
	return nil
}

// ModifyRequest addresses, serialises and signs the request.
func (c *Client) ModifyRequest(ictx *spi.InterceptorContext, _ *spi.AttributeMap) error {
	request := ictx.Request
	bucket := tea.StringValue(request.HostMap["bucket"])
	if request.Headers == nil {
		request.Headers = map[string]*string{}
	}
	if request.Query == nil {
		request.Query = map[string]*string{}
	}
	key := splitPath(request)
	host, path := address(tea.StringValue(ictx.Configuration.Endpoint), bucket, key)
	request.Pathname = tea.String(path)
	request.Headers["host"] = tea.String(host)
	request.Headers["user-agent"] = request.UserAgent
	if err := writeBody(request); err != nil {
		return err
	}
	return sign(ictx, host, bucket, key)
}

// ModifyResponse turns the XML answer (JSON for a bucket's policy) into maps, and an error answer into the SDK's error.
func (c *Client) ModifyResponse(ictx *spi.InterceptorContext, _ *spi.AttributeMap) error {
	response := ictx.Response
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	document, err := readDocument(body)
	if err != nil {
		return err
	}
	status := tea.IntValue(response.StatusCode)
	if status >= 400 {
		return serviceError(status, document, response.Headers)
	}
	response.DeserializedBody = document
	if len(document) == 0 && tea.StringValue(ictx.Request.BodyType) == "string" {
		response.DeserializedBody = string(body)
	}
	return nil
}

// readDocument reads an XML or a JSON object (GetBucketPolicy's answer); anything else gives an empty map.
func readDocument(body []byte) (map[string]interface{}, error) {
	document := map[string]interface{}{}
	trimmed := bytes.TrimSpace(body)
	switch {
	case bytes.HasPrefix(trimmed, []byte("<")):
		found, err := mxj.NewMapXml(trimmed)
		if err != nil {
			return nil, fmt.Errorf("object storage answered with XML that cannot be read: %w", err)
		}
		document = typed(found)
	case bytes.HasPrefix(trimmed, []byte("{")):
		if err := json.Unmarshal(trimmed, &document); err != nil {
			return nil, fmt.Errorf("object storage answered with JSON that cannot be read: %w", err)
		}
	}
	return document, nil
}

// booleans and lists are the fields to which the public module gives these types. XML alone does not tell them from
// text, and one of several from one alone; Terraform takes neither for the other, and an import would lack them.
var (
	booleans = map[string]bool{"Enable": true, "StrongCipherSuite": true}
	lists    = map[string]bool{"TLSVersion": true, "CustomCipherSuite": true, "TLS13CustomCipherSuite": true}
)

// typed gives booleans and lists their types, at any depth.
func typed(document map[string]interface{}) map[string]interface{} {
	for name, value := range document {
		switch value := value.(type) {
		case map[string]interface{}:
			document[name] = typed(value)
		case string:
			if booleans[name] {
				document[name] = value == "true"
			} else if lists[name] {
				document[name] = []interface{}{value}
			}
		}
	}
	return document
}

// splitPath moves the sub-resources of a path such as "/?versioning" into the query and returns the object's key.
func splitPath(request *spi.InterceptorContextRequest) string {
	path, query, found := strings.Cut(tea.StringValue(request.Pathname), "?")
	if found {
		for _, parameter := range strings.Split(query, "&") {
			name, value, _ := strings.Cut(parameter, "=")
			if name != "" {
				request.Query[name] = tea.String(value)
			}
		}
	}
	return strings.TrimPrefix(path, "/")
}

// address returns host and path: the bucket in the host name, or in the path where the endpoint is an IP address.
func address(endpoint, bucket, key string) (string, string) {
	endpoint = strings.TrimPrefix(strings.TrimPrefix(endpoint, "https://"), "http://")
	if bucket == "" {
		return endpoint, "/" + key
	}
	name := endpoint
	if host, _, err := net.SplitHostPort(endpoint); err == nil {
		name = host
	}
	if net.ParseIP(name) != nil {
		return endpoint, "/" + bucket + "/" + key
	}
	return bucket + "." + endpoint, "/" + key
}

func writeBody(request *spi.InterceptorContextRequest) error {
	if request.Stream != nil || request.Body == nil {
		return nil
	}
	var data []byte
	switch body := request.Body.(type) {
	case string:
		data = []byte(body)
	case map[string]interface{}:
		if len(body) == 0 {
			return nil
		}
		xml, err := mxj.Map(body).Xml()
		if err != nil {
			return err
		}
		data = xml
	default:
		return fmt.Errorf("object storage: a request body of type %T is not supported", request.Body)
	}
	sum := md5.Sum(data)
	request.Headers["content-md5"] = tea.String(base64.StdEncoding.EncodeToString(sum[:]))
	request.Headers["content-type"] = tea.String("application/xml")
	request.Stream = bytes.NewReader(data)
	return nil
}

func sign(ictx *spi.InterceptorContext, host, bucket, key string) error {
	request := ictx.Request
	provided, err := request.Credential.GetCredential()
	if err != nil {
		return err
	}
	query := url.Values{}
	for name, value := range request.Query {
		query.Set(name, tea.StringValue(value))
	}
	unsigned := &http.Request{
		Method: tea.StringValue(request.Method),
		Host:   host,
		URL:    &url.URL{Scheme: "https", Host: host, Path: tea.StringValue(request.Pathname), RawQuery: query.Encode()},
		Header: http.Header{},
	}
	for name, value := range request.Headers {
		unsigned.Header.Set(name, tea.StringValue(value))
	}
	signing := &signer.SigningContext{
		Product: tea.String("oss"),
		Region:  ictx.Configuration.RegionId,
		Request: unsigned,
		Credentials: &credentials.Credentials{
			AccessKeyID:     tea.StringValue(provided.AccessKeyId),
			AccessKeySecret: tea.StringValue(provided.AccessKeySecret),
			SecurityToken:   tea.StringValue(provided.SecurityToken),
		},
		Time: time.Now(),
	}
	if bucket != "" {
		signing.Bucket = tea.String(bucket)
	}
	if key != "" {
		signing.Key = tea.String(key)
	}
	if err := (&signer.SignerV4{}).Sign(context.Background(), signing); err != nil {
		return err
	}
	for name, values := range unsigned.Header {
		request.Headers[strings.ToLower(name)] = tea.String(strings.Join(values, ","))
	}
	return nil
}

func serviceError(status int, document map[string]interface{}, headers map[string]*string) error {
	fields, _ := document["Error"].(map[string]interface{})
	code, message, requestID := fmt.Sprint(status), "object storage gave no reason", tea.StringValue(headers["x-oss-request-id"])
	if fields != nil {
		code, message = fmt.Sprint(fields["Code"]), fmt.Sprint(fields["Message"])
	}
	return tea.NewSDKError(map[string]interface{}{
		"code":    code,
		"message": fmt.Sprintf("code: %d, %s request id: %s", status, message, requestID),
		"data":    map[string]interface{}{"statusCode": status, "Code": code, "Message": message, "RequestId": requestID},
	})
}
