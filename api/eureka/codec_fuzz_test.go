package eureka

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"runtime"
	"testing"

	"github.com/musterhq/muster/api/eureka/eurekatest"
)

// allocatesLittle fails if f allocates more than a constant times the size of its input.
func allocatesLittle(t *testing.T, size int, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	if got, limit := after.TotalAlloc-before.TotalAlloc, uint64(512*size+256<<10); got > limit {
		t.Fatalf("%d bytes made it allocate %d, limit %d", size, got, limit)
	}
}

// settles fails if what was decoded does not survive being encoded and decoded again.
func settles(t *testing.T, i info, err error) {
	t.Helper()
	if err != nil {
		if !errors.Is(err, errBody) {
			t.Fatalf("an error of another kind: %v", err)
		}
		return
	}
	i.lease.registered = max(i.lease.registered, 0)
	got, err := decodeInstance(appendJSON(nil, &i, ""))
	if err != nil {
		t.Fatal(err)
	}
	if got.datacenter.name != amazon {
		i.datacenter.metadata = nil
	}
	if i.sid == "unknown" || i.sid == "" {
		i.sid = none
	}
	if !reflect.DeepEqual(got, i) {
		t.Fatalf("%+v\nbecame %+v", i, got)
	}
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(eurekatest.Body))
	f.Add([]byte(`{"instance":{"port":{"$":"8080","@enabled":true},"metadata":{"a":1,"b":true,"@class":"x"},"leaseInfo":{"durationInSecs":"1e3"}}}`))
	f.Add([]byte(`{"instance":{"dataCenterInfo":{"name":"Amazon","metadata":{"instance-id":"i"}},"status":"down","port":null}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var i info
		var err error
		allocatesLittle(t, len(b), func() { i, err = decodeJSON(b) })
		settles(t, i, err)
	})
}

func FuzzXML(f *testing.F) {
	i := blank()
	i.id, i.metadata, i.datacenter = "i", map[string]string{"a_b": "<", "": "x"}, datacenter{amazon, map[string]string{"ami-id": "1"}}
	f.Add(appendXML(nil, &i, ""))
	f.Add([]byte(`<?xml version="1.0" encoding="UTF-8"?><instance><app>a&#xd;&amp;<!-- c --><![CDATA[<x>]]></app><port enabled='false'>1</port></instance>`))
	f.Add([]byte(laughs()))
	f.Add([]byte(`<a:b xmlns:a="x"><a:c/></a:b>`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var i info
		var err error
		allocatesLittle(t, len(b), func() { i, err = decodeXML(b) })
		settles(t, i, err)
	})
}

// Compressed bodies never become more than the limit, nor cost more.
func FuzzGzip(f *testing.F) {
	f.Add([]byte("hello"))
	f.Add(zipped(f, []byte(eurekatest.Body)))
	f.Add(zipped(f, make([]byte, 1<<20)))
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit = 4096
		req := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(b))
		req.Header.Set("Content-Encoding", "gzip")
		allocatesLittle(t, len(b)+limit, func() {
			body, err := readBody(httptest.NewRecorder(), req, limit)
			if len(body) > limit {
				t.Fatalf("%d bytes", len(body))
			}
			if _, large := errors.AsType[*http.MaxBytesError](err); err != nil && !large && !errors.Is(err, errBody) {
				t.Fatalf("an error of another kind: %v", err)
			}
		})
	})
}

func FuzzBatch(f *testing.F) {
	f.Add([]byte(`{"replicationList":[{"appName":"A","id":"i","lastDirtyTimestamp":1,"action":"Heartbeat"},{"action":"Register","instanceInfo":{}}]}`))
	f.Add([]byte(`{"responseList":null,"replicationList":[null]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		api := New(filled(t, 3), Config{})
		req := httptest.NewRequest(http.MethodPost, "/eureka/peerreplication/batch/", bytes.NewReader(b))
		w := httptest.NewRecorder()
		if api.ServeHTTP(w, req); w.Code != http.StatusOK && w.Code != http.StatusBadRequest {
			t.Fatalf("status %d", w.Code)
		}
	})
}
