package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/renameio/v2"
)

const (
	cacheMagic = "muster-cache 1 sha256:"
	// A change is written saveAfter later, with those that come meanwhile; the age of what has not changed each saveEvery.
	saveAfter = time.Second
	saveEvery = time.Minute
)

// disk keeps the cache in a file. One goroutine writes.
type disk struct {
	c      *Client
	path   string
	dirty  chan struct{} // one is enough
	failed bool          // the last write; said once
}

func newDisk(c *Client) *disk {
	return &disk{c: c, path: c.cfg.CacheFile, dirty: make(chan struct{}, 1)}
}

// soon has the cache written.
func (d *disk) soon() {
	select {
	case d.dirty <- struct{}{}:
	default:
	}
}

// run writes when something has changed, and once more at the end.
func (d *disk) run(ctx context.Context) {
	defer d.save()
	for {
		timer := time.NewTimer(saveEvery)
		select {
		case <-d.dirty:
			timer.Stop()
			if pause(ctx, saveAfter) != nil {
				return
			}
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		d.save()
	}
}

func (d *disk) save() {
	select {
	case <-d.dirty:
	default:
	}
	f := cacheFile{Namespace: d.c.cfg.Namespace, Datacenter: d.c.cfg.Datacenter}
	for name, s := range *d.c.services.Load() {
		if v := s.view.Load(); v != nil {
			f.Services = append(f.Services, cachedService{name, d.c.epoch.Add(time.Duration(s.confirmed.Load())), v.all})
		}
	}
	if len(f.Services) == 0 {
		return
	}
	slices.SortFunc(f.Services, func(a, b cachedService) int { return strings.Compare(a.Name, b.Name) })
	b, err := encodeCache(f)
	if err == nil {
		err = renameio.WriteFile(d.path, b, 0o600)
	}
	if err != nil && !d.failed {
		d.c.log.Warn("cache file cannot be written; the cache is in memory alone", "path", d.path, "err", err)
	}
	d.failed = err != nil
}

// load reads the file. One that is damaged is set aside, so that it can be looked at, and is not written over.
func (d *disk) load() map[string]*service {
	services := map[string]*service{}
	b, err := os.ReadFile(d.path)
	if errors.Is(err, fs.ErrNotExist) {
		return services
	}
	var f cacheFile
	if err == nil {
		f, err = decodeCache(b)
	}
	if err != nil {
		aside := d.path + ".damaged"
		d.c.log.Warn("cache file is damaged; it is set aside", "path", d.path, "aside", aside, "err", err, "rename", os.Rename(d.path, aside))
		return services
	}
	if f.Namespace != d.c.cfg.Namespace || f.Datacenter != d.c.cfg.Datacenter {
		d.c.log.Info("cache file is of another namespace or data centre; it is not used", "path", d.path)
		return services
	}
	for _, kept := range f.Services {
		if kept.Name == "" || len(services) == d.c.cfg.MaxServices {
			continue
		}
		s := d.c.newService(kept.Name)
		s.view.Store(newSnapshot(1, ordered(kept.Instances), 0))
		s.confirmed.Store(int64(min(kept.Confirmed.Sub(d.c.epoch), 0)))
		services[kept.Name] = s
	}
	return services
}

// cacheFile is what a file holds: a line with the format's version and the checksum of the rest, which is this in JSON.
type cacheFile struct {
	Namespace  string          `json:"namespace"`
	Datacenter string          `json:"datacenter"`
	Services   []cachedService `json:"services"`
}

type cachedService struct {
	Name      string      `json:"name"`
	Confirmed time.Time   `json:"confirmed"`
	Instances []*Instance `json:"instances"`
}

func encodeCache(f cacheFile) ([]byte, error) {
	body, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("client: encoding the cache: %w", err)
	}
	sum := sha256.Sum256(body)
	return slices.Concat([]byte(cacheMagic+hex.EncodeToString(sum[:])+"\n"), body), nil
}

// errDamaged says that a cache file cannot be used. The caller's state has not changed.
var errDamaged = errors.New("client: damaged cache file")

func decodeCache(b []byte) (cacheFile, error) {
	var f cacheFile
	head, body, _ := bytes.Cut(b, []byte("\n"))
	sum, ok := strings.CutPrefix(string(head), cacheMagic)
	if !ok {
		return f, fmt.Errorf("%w: it does not begin as one of this version", errDamaged)
	}
	if want := sha256.Sum256(body); sum != hex.EncodeToString(want[:]) {
		return f, fmt.Errorf("%w: the checksum is another", errDamaged)
	}
	if err := json.Unmarshal(body, &f); err != nil {
		return cacheFile{}, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return f, nil
}
