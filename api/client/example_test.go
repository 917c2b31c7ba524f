package client_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/musterhq/muster/api"
	"github.com/musterhq/muster/api/apitest"
	"github.com/musterhq/muster/api/client"
	"github.com/musterhq/muster/api/client/balance"
	"github.com/musterhq/muster/api/client/transport"
)

// aNode is a node to try the examples with.
func aNode() *httptest.Server { return httptest.NewServer(api.Handler(apitest.New())) }

func Example() {
	node := aNode()
	defer node.Close()
	defer node.CloseClientConnections()
	ctx := context.Background()

	c, err := client.New(client.Config{Nodes: []string{node.URL}})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close(ctx)

	_, err = c.Register(ctx, client.Instance{Service: "payments", Address: "10.0.0.5", Port: 8080})
	if err != nil {
		log.Fatal(err)
	}
	view, err := c.Resolve(ctx, "payments")
	if err != nil {
		log.Fatal(err)
	}
	for _, i := range view.Healthy() {
		fmt.Println(i.ID, i.HostPort())
	}
	// Output: payments-10.0.0.5-8080 10.0.0.5:8080
}

// Whole views, for who builds something of a service each time that it changes.
func ExampleClient_Follow() {
	node := aNode()
	defer node.Close()
	defer node.CloseClientConnections()
	c, err := client.New(client.Config{Nodes: []string{node.URL}})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close(context.Background())
	for view := range c.Follow(context.Background(), "payments") {
		fmt.Println(len(view.Healthy()), view.Known(), view.Stale())
		break
	}
	// Output: 0 true false
}

func readmeMain(ctx context.Context) {
	// readme
	c, err := client.New(client.Config{
		Nodes:     []string{"http://127.0.0.1:8761", "http://127.0.0.1:8762"},
		CacheFile: "muster.cache", // a restart while the registry is away finds what was known
	})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close(ctx) // deregisters

	self, err := c.Register(ctx, client.Instance{Service: "web", Address: "10.0.0.7", Port: 80, Zone: "a"})
	if err != nil {
		log.Fatal(err)
	}
	log.Println(self.Err()) // pending, if no node answers yet; it is made up for

	view := c.Lookup("payments") // from the cache: no lock, no allocation
	for _, i := range view.Healthy() {
		fmt.Println(i.HostPort(), i.Zone, i.Weight)
	}
	if view.Stale() {
		fmt.Println("no node answers since", view.Age())
	}
	for ev := range c.Watch(ctx, "payments") { // or Follow, for whole views
		fmt.Println(ev.Type, len(ev.View.Instances()))
	}
	// /readme
}

func readmeHTTP(c *client.Client) {
	// readme
	web := &http.Client{Transport: transport.New(c, transport.Config{
		Balance: balance.Config{Policy: balance.TwoChoices, Zone: "a"},
	})}
	res, err := web.Get("http://payments.muster/health")
	// /readme
	if err == nil {
		_ = res.Body.Close()
	}
}

// The README's snippets are those above, which compile.
func TestReadmeShowsWhatCompiles(t *testing.T) {
	t.Parallel()
	_, _ = readmeMain, readmeHTTP
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	snippets := regexp.MustCompile(`(?s)\t// readme\n(.*?)\t// /readme\n`).FindAllStringSubmatch(string(source), -1)
	if len(snippets) != 2 {
		t.Fatalf("%d snippets", len(snippets))
	}
	for _, s := range snippets {
		text := strings.TrimPrefix(strings.ReplaceAll("\n"+s[1], "\n\t", "\n"), "\n")
		if !strings.Contains(string(readme), "```go\n"+text+"```\n") {
			t.Errorf("the README does not have:\n%s", text)
		}
	}
}
