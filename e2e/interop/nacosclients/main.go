// Command nacosclients is the Go client of Nacos in its first version, which speaks HTTP. It is a module of its own, so
// that what the client needs never enters the graph of Muster's modules. It is told what to do on standard input.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/nacos-group/nacos-sdk-go/clients"
	"github.com/nacos-group/nacos-sdk-go/clients/naming_client"
	"github.com/nacos-group/nacos-sdk-go/common/constant"
	"github.com/nacos-group/nacos-sdk-go/model"
	"github.com/nacos-group/nacos-sdk-go/vo"
)

// program is a program that has registered itself and follows a service.
type program struct {
	naming naming_client.INamingClient
	self   vo.RegisterInstanceParam

	mu   sync.Mutex // guards told
	told []string   // what it was last told of the service that it follows
}

func main() {
	p, err := start()
	if err != nil {
		say("FAILED", err)
		os.Exit(1)
	}
	say("STARTED")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		word := strings.Fields(lines.Text())
		if err := p.obey(word); err != nil {
			say("FAILED", err)
		}
		if word[0] == "stop" {
			return
		}
	}
	os.Exit(1) // The test is gone.
}

func start() (*program, error) {
	port, err := strconv.ParseUint(os.Getenv("PORT"), 10, 16)
	if err != nil {
		return nil, err
	}
	var servers []constant.ServerConfig
	for _, server := range strings.Split(os.Getenv("SERVERS"), ",") {
		host, port, _ := strings.Cut(server, ":")
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return nil, err
		}
		servers = append(servers, constant.ServerConfig{IpAddr: host, Port: n, Scheme: "http", ContextPath: "/nacos"})
	}
	naming, err := clients.NewNamingClient(vo.NacosClientParam{
		ClientConfig: &constant.ClientConfig{
			TimeoutMs: 2000, LogDir: os.Getenv("DIR"), CacheDir: os.Getenv("DIR"), LogLevel: "warn",
			Username: "nacos", Password: "nacos", NotLoadCacheAtStart: true, UpdateCacheWhenEmpty: true,
		},
		ServerConfigs: servers,
	})
	if err != nil {
		return nil, err
	}
	p := &program{naming: naming, self: vo.RegisterInstanceParam{
		Ip: "127.0.0.1", Port: port, ServiceName: os.Getenv("APP"), Weight: 1, Enable: true, Healthy: true, Ephemeral: true,
		Metadata: map[string]string{
			"client":                     "go;1.1.4 100%", // The client escapes nothing of this.
			constant.HEART_BEAT_INTERVAL: os.Getenv("RENEW"), constant.HEART_BEAT_TIMEOUT: os.Getenv("LEASE"),
			constant.IP_DELETE_TIMEOUT: os.Getenv("LEASE"),
		},
	}}
	if _, err := naming.RegisterInstance(p.self); err != nil {
		return nil, err
	}
	return p, naming.Subscribe(&vo.SubscribeParam{ServiceName: os.Getenv("WATCH"), SubscribeCallback: p.tell})
}

// tell is what the client calls when the service that is followed has changed.
func (p *program) tell(instances []model.SubscribeService, err error) {
	if err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told = nil
	for _, i := range instances {
		p.told = append(p.told, fmt.Sprintf("%s:%d", i.Ip, i.Port))
	}
}

func (p *program) obey(word []string) error {
	switch word[0] {
	case "sees":
		found, err := p.naming.SelectInstances(vo.SelectInstancesParam{ServiceName: word[1], HealthyOnly: true})
		if err != nil && !strings.Contains(err.Error(), "empty") {
			return err
		}
		say("SEES", len(found))
	case "told":
		p.mu.Lock()
		defer p.mu.Unlock()
		say("TOLD", len(p.told))
	case "enabled":
		on, err := strconv.ParseBool(word[1])
		if err != nil {
			return err
		}
		_, err = p.naming.UpdateInstance(vo.UpdateInstanceParam{
			Ip: p.self.Ip, Port: p.self.Port, ServiceName: p.self.ServiceName, Weight: 1, Enable: on, Ephemeral: true,
			Metadata: p.self.Metadata,
		})
		if err != nil {
			return err
		}
		say("DONE")
	case "stop":
		_, err := p.naming.DeregisterInstance(vo.DeregisterInstanceParam{
			Ip: p.self.Ip, Port: p.self.Port, ServiceName: p.self.ServiceName, Ephemeral: true,
		})
		if err != nil {
			return err
		}
		say("STOPPED")
	default:
		say("UNKNOWN", word)
	}
	return nil
}

func say(what ...any) { fmt.Println(append([]any{"@"}, what...)...) }
