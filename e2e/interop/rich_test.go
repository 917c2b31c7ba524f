package interop

import (
	"html"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// rich is an instance that has every field of the protocol.
const rich = `{"instance":{"instanceId":"rich-1","app":"RICH","appGroupName":"SHOPS","hostName":"rich.test","ipAddr":"10.1.2.3",
"port":{"$":8080,"@enabled":"true"},"securePort":{"$":8443,"@enabled":"true"},"status":"UP","overriddenStatus":"UNKNOWN",
"vipAddress":"rich,rich.eu","secureVipAddress":"rich-tls","homePageUrl":"http://rich.test:8080/","statusPageUrl":"http://rich.test:8080/info",
"healthCheckUrl":"http://rich.test:8080/health?a=1&b=2","secureHealthCheckUrl":"https://rich.test:8443/health","asgName":"rich-v001","countryId":7,
"dataCenterInfo":{"@class":"com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo","name":"MyOwn"},
"leaseInfo":{"renewalIntervalInSecs":30,"durationInSecs":3600},"isCoordinatingDiscoveryServer":"false",
"lastUpdatedTimestamp":"1700000000000","lastDirtyTimestamp":"1700000000123",
"metadata":{"zone":"a","team_name":"tea & <coffee>","greeting":"Grüße","version":"1.4.2"}}}`

// richFields is what a client reads of it, by the names that all programs here use.
var richFields = map[string]any{
	"id": "rich-1", "app": nil, "group": "SHOPS", "host": "rich.test", "ip": "10.1.2.3",
	"port": 8080.0, "portEnabled": true, "securePort": 8443.0, "securePortEnabled": true, "status": "UP", "overridden": "UNKNOWN",
	"vip": "rich,rich.eu", "secureVip": "rich-tls", "homePage": "http://rich.test:8080/", "statusPage": "http://rich.test:8080/info",
	"healthCheck": "http://rich.test:8080/health?a=1&b=2", "secureHealthCheck": "https://rich.test:8443/health", "asg": "rich-v001",
	"country": 7.0, "dataCenter": "MyOwn", "renew": 30.0, "lease": 3600.0, "dirty": 1700000000123.0, "coordinating": false,
	"metadata": map[string]any{"zone": "a", "team_name": "tea & <coffee>", "greeting": "Grüße", "version": "1.4.2"},
}

// registerRich registers it, as an app of some name.
func registerRich(t *testing.T, at registry, app string) {
	t.Helper()
	body := strings.Replace(rich, `"RICH"`, `"`+app+`"`, 1)
	if status, b, err := request("POST", at.eureka("/eureka")+"/apps/"+app, body); err != nil || status != http.StatusNoContent {
		t.Fatalf("registering at %s: %d, %v: %s", at.name(), status, err, b)
	}
}

// readsRich holds a client to every field that it reads. Prometheus keeps entities of XML as they are.
func readsRich(t *testing.T, c *client, app string) {
	t.Helper()
	got := c.describes(t, app, "rich-1")
	for name, want := range richFields {
		switch {
		case name == "app":
			if got[name] != app {
				t.Errorf("%s reads app %v, want %s", c.id, got[name], app)
			}
		case slices.Contains(strings.Fields(c.unknown), name):
		case name == "metadata":
			metadata, _ := got[name].(map[string]any)
			plain := map[string]any{}
			for key, value := range metadata {
				text, _ := value.(string)
				if c.escaped {
					key = strings.ReplaceAll(key, "__", "_")
				}
				if c.reads {
					text = html.UnescapeString(text)
				}
				plain[key] = text
			}
			if !reflect.DeepEqual(plain, want) {
				t.Errorf("%s reads metadata %v, want %v", c.id, metadata, want)
			}
		case !reflect.DeepEqual(got[name], want):
			t.Errorf("%s reads %s %v, want %v", c.id, name, got[name], want)
		}
	}
}
