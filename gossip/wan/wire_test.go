package wan

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/hashicorp/memberlist"
	"pgregory.net/rapid"

	"github.com/musterhq/muster/gossip/host"
)

func drawName(t *rapid.T, label string) string {
	return rapid.StringMatching(`[a-zäß0-9.~:_-]{1,12}`).Draw(t, label)
}

func drawPreface(t *rapid.T) preface {
	p := preface{
		kind:         rapid.SampledFrom([]prefaceKind{helloKind, refusalKind}).Draw(t, "kind"),
		security:     security(rapid.Byte().Draw(t, "security")),
		capabilities: rapid.Uint64().Draw(t, "capabilities"),
		name:         drawName(t, "name"), datacenter: drawName(t, "dc"),
		to: rapid.StringN(0, 20, 99).Draw(t, "to"), reason: rapid.StringN(0, 20, maxReason).Draw(t, "reason"),
	}
	copy(p.random[:], rapid.SliceOfN(rapid.Byte(), randomSize, randomSize).Draw(t, "random"))
	return p
}

func TestPrefaceComesApartAsItWasPutTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPreface(t)
		b := p.encode()
		got, raw, err := readPreface(bytes.NewReader(append(bytes.Clone(b), 7, 7)))
		if err != nil || got != p || !bytes.Equal(raw, b) {
			t.Fatalf("got %+v, %v", got, err)
		}
		for i := range b {
			if _, _, err := readPreface(bytes.NewReader(b[:i])); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("cut after %d of %d bytes: %v", i, len(b), err)
			}
		}
	})
}

func TestLongestPrefaceFits(t *testing.T) {
	p := preface{
		kind: refusalKind, name: strings.Repeat("n", MaxName), datacenter: strings.Repeat("d", MaxDatacenter),
		to: strings.Repeat("t", MaxName+1+MaxDatacenter), reason: strings.Repeat("r", 2*maxReason), capabilities: 1 << 63,
	}
	if got, _, err := readPreface(bytes.NewReader(p.encode())); err != nil || got.reason != p.reason[:maxReason] {
		t.Fatalf("%v", err)
	}
}

// Whatever memberlist sends first, it is not taken for a link.
func TestNoStreamOfMemberlistsBeginsAsALinkDoes(t *testing.T) {
	if b := prefaceMagic[0]; b < 16 || b == 244 {
		t.Errorf("%d may be a message of memberlist's", b)
	}
}

func TestAnotherVersionIsRefusedByName(t *testing.T) {
	b := preface{kind: helloKind, name: "n", datacenter: "d"}.encode()
	b[len(prefaceMagic)] = 9
	_, _, err := readPreface(bytes.NewReader(b[:prefaceHead]))
	if !errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), "version 9") || !strings.Contains(err.Error(), "this one 2") {
		t.Errorf("%v", err)
	}
}

func TestBatchComesApartAsItWasPutTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		msgs := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 300), 0, 20).Draw(t, "msgs")
		batch := appendBatch(nil, msgs)
		packed, small := pack(nil, batch)
		if small && len(packed) >= len(batch) {
			t.Fatal("it did not shrink")
		}
		body := batch
		if small {
			body = packed
		}
		back, err := unpack(small, body)
		if err != nil {
			t.Fatal(err)
		}
		var got [][]byte
		if err := splitBatch(back, func(m []byte) { got = append(got, m) }); err != nil {
			t.Fatal(err)
		}
		if len(got) != len(msgs) {
			t.Fatalf("%d messages of %d", len(got), len(msgs))
		}
		for i := range got {
			if !bytes.Equal(got[i], msgs[i]) {
				t.Fatalf("message %d is %x", i, got[i])
			}
		}
		calls := 0
		if err := splitBatch(append(batch, 5), func([]byte) { calls++ }); !errors.Is(err, ErrMalformed) || calls > 0 {
			t.Fatalf("cut short: %v after %d messages", err, calls)
		}
	})
}

func TestPackedBatchCannotGrowBeyondItsBound(t *testing.T) {
	bomb, _ := pack(nil, make([]byte, maxBatch+1))
	if _, err := unpack(true, bomb); !errors.Is(err, ErrMalformed) {
		t.Errorf("%d bytes became more than %d: %v", len(bomb), maxBatch, err)
	}
}

// sealers are what protects the two directions of a stream; the reader tries three keys.
func sealers(t interface{ Fatal(...any) }) (writer, reader sealer) {
	keys := [][]byte{bytes.Repeat([]byte{1}, 16), bytes.Repeat([]byte{2}, 24), bytes.Repeat([]byte{3}, 32)}
	tr := newTranscript([]byte("a"), []byte("b"), [randomSize]byte{1}, [randomSize]byte{2})
	w, err := newGCM(keys[2], tr, fromDialer)
	if err != nil {
		t.Fatal(err)
	}
	return w, &anyKey{keys: keys, t: tr, d: fromDialer}
}

func TestRecordsArriveAsTheyWereWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var stream bytes.Buffer
		w, r := recordWriter{w: &stream, sealer: bare{}}, recordReader{r: &stream, sealer: bare{}}
		if rapid.Bool().Draw(t, "sealed") {
			w.sealer, r.sealer = sealers(t)
		}
		bodies := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 9000), 1, 5).Draw(t, "bodies")
		for i, b := range bodies {
			if err := w.write(recordKind(i+1), b); err != nil {
				t.Fatal(err)
			}
		}
		for i, b := range bodies {
			if kind, body, err := r.read(); err != nil || kind != recordKind(i+1) || !bytes.Equal(body, b) {
				t.Fatalf("record %d: kind %d, %d bytes, %v", i, kind, len(body), err)
			}
		}
		if _, _, err := r.read(); err != io.EOF { //nolint:errorlint // It has to be the plain end.
			t.Fatalf("at the end: %v", err)
		}
	})
}

// A record that is changed, doubled, left out, moved, sent back or of another stream does not open.
func TestOnlyTheNextRecordOfThisStreamOpens(t *testing.T) {
	write := func(key byte, tr transcript, d direction) (records [][]byte) {
		var stream bytes.Buffer
		g, err := newGCM(bytes.Repeat([]byte{key}, 32), tr, d)
		if err != nil {
			t.Fatal(err)
		}
		w := recordWriter{w: &stream, sealer: g}
		for i := range 3 {
			if err := w.write(batchRecord, []byte{byte(i)}); err != nil {
				t.Fatal(err)
			}
			records = append(records, bytes.Clone(stream.Next(stream.Len())))
		}
		return records
	}
	tr := newTranscript([]byte("a"), []byte("b"), [randomSize]byte{1}, [randomSize]byte{2})
	good := write(1, tr, fromDialer)
	changed := bytes.Clone(good[1])
	changed[len(changed)-1] ^= 1
	other := newTranscript([]byte("a"), []byte("b"), [randomSize]byte{1}, [randomSize]byte{3})
	for name, second := range map[string][]byte{
		"changed": changed, "doubled": good[0], "one left out": good[2],
		"sent back":         write(1, tr, fromAcceptor)[1],
		"of another stream": write(1, other, fromDialer)[1],
		"of another key":    write(2, tr, fromDialer)[1],
	} {
		reader := &anyKey{keys: [][]byte{bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)}, t: tr, d: fromDialer}
		r := recordReader{r: bytes.NewReader(append(bytes.Clone(good[0]), second...)), sealer: reader}
		if _, _, err := r.read(); err != nil {
			t.Fatal(err)
		}
		if _, _, err := r.read(); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r := recordReader{r: bytes.NewReader(append(bytes.Clone(good[0]), good[1]...)), sealer: &anyKey{keys: [][]byte{bytes.Repeat([]byte{1}, 32)}, t: tr, d: fromDialer}}
	for i := range 2 {
		if _, body, err := r.read(); err != nil || body[0] != byte(i) {
			t.Errorf("untouched: %v", err)
		}
	}
}

// A length is only a claim: memory follows the bytes that arrive.
func TestRecordThatDoesNotArriveCostsLittleMemory(t *testing.T) {
	head := binary.BigEndian.AppendUint32(nil, maxRecord)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const times = 1000
	for range times {
		r := recordReader{r: bytes.NewReader(head), sealer: bare{}}
		if _, _, err := r.read(); err != io.ErrUnexpectedEOF { //nolint:errorlint // It is returned unwrapped.
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / times; each > 8<<10 {
		t.Errorf("a head of 4 bytes costs %d bytes", each)
	}
}

func TestTagsComeApartAsTheyWerePutTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := card{
			name: drawName(t, "name"), datacenter: drawName(t, "dc"), zone: drawName(t, "zone"),
			Meta: Meta{
				Incarnation: rapid.Uint64Min(1).Draw(t, "incarnation"), HTTP: rapid.StringN(0, 20, 40).Draw(t, "http"),
				Version: rapid.StringN(0, 20, 40).Draw(t, "version"), LAN: rapid.StringN(0, 20, 40).Draw(t, "lan"),
			},
		}
		links := rapid.SliceOfN(rapid.StringMatching(`[a-z]{1,5}/[a-z]{1,5}`), 0, 200).Draw(t, "links")
		tags, err := c.tags(links)
		if err != nil {
			t.Fatal(err)
		}
		size := 4
		for k, v := range tags {
			size += len(k) + len(v) + 4
		}
		if size > memberlist.MetaMaxSize {
			t.Fatalf("%d bytes of tags", size)
		}
		got, err := readTags(lifeName(c.datacenter, c.name, c.Incarnation), tags)
		if err != nil {
			t.Fatal(err)
		}
		marks := got.marks()
		got.links = ""
		if got != c {
			t.Fatalf("got %+v, want %+v", got, c)
		}
		for i, m := range marks {
			if m != mark(links[i]) {
				t.Fatalf("link %d is %q", i, m)
			}
		}
		if len(marks) < min(len(links), minLinks) {
			t.Fatalf("%d of %d links", len(marks), len(links))
		}
		if _, err := readTags(lifeName(c.datacenter, c.name, c.Incarnation-1), tags); err == nil {
			t.Fatal("tags of another life are taken")
		}
	})
}

func FuzzPreface(f *testing.F) {
	f.Add(preface{kind: helloKind, security: aeadSecurity, name: "n", datacenter: "d", to: "e/m"}.encode())
	f.Add(preface{kind: refusalKind, name: "n", datacenter: "d", reason: "no"}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		p, raw, err := readPreface(bytes.NewReader(b))
		if err != nil {
			return
		}
		if host.CheckName(p.name, MaxName) != nil || host.CheckName(p.datacenter, MaxDatacenter) != nil || len(raw) > maxPreface {
			t.Fatalf("accepted %+v", p)
		}
		if again, _, err := readPreface(bytes.NewReader(p.encode())); err != nil || again != p {
			t.Fatalf("%+v became %+v, %v", p, again, err)
		}
	})
}

func FuzzRecords(f *testing.F) {
	record := func(kind recordKind, body []byte) []byte {
		return append(binary.BigEndian.AppendUint32(nil, uint32(1+len(body))), append([]byte{byte(kind)}, body...)...)
	}
	packed, _ := pack(nil, appendBatch(nil, [][]byte{bytes.Repeat([]byte("x"), 1000)}))
	hello := appendBatch(nil, [][]byte{bytes.Repeat([]byte("hello"), 9)})
	like, _ := (&past{b: hello}).pack(nil, hello)
	for _, b := range [][]byte{
		append(record(batchRecord, hello), record(likeRecord, like)...),
		record(batchRecord, appendBatch(nil, [][]byte{[]byte("hello"), nil})),
		record(packedRecord, packed),
		record(pingRecord, make([]byte, 8)), record(pongRecord, make([]byte, 8)), record(byeRecord, []byte("so long")),
		record(99, nil),
		{0, 0, 0, 0},
		{255, 255, 255, 255},
	} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		l := &link{pongWake: make(chan struct{}, 1)}
		r := recordReader{r: bytes.NewReader(b), sealer: bare{}}
		got := 0
		for {
			kind, body, err := r.read()
			if err != nil {
				break
			}
			before := len(body)
			err = l.take(kind, body, func(m []byte) { got += len(m) })
			if kind == batchRecord && err == nil && got > len(b) {
				t.Fatalf("%d bytes of messages from %d", got, before)
			}
			if err != nil {
				break
			}
		}
		if got > maxBatch*(len(b)/recordHead+1) {
			t.Fatalf("%d bytes of messages from %d", got, len(b))
		}
	})
}

func FuzzTags(f *testing.F) {
	f.Add("d:n~abcd", "n", "d", "z", "1", "abcdefgh")
	f.Fuzz(func(t *testing.T, life, name, dc, zone, inc, links string) {
		c, err := readTags(life, map[string]string{"n": name, "d": dc, "z": zone, "i": inc, "k": links})
		if err != nil {
			return
		}
		if host.CheckName(c.name, MaxName) != nil || host.CheckName(c.datacenter, MaxDatacenter) != nil || c.Incarnation == 0 {
			t.Fatalf("accepted %+v", c)
		}
		if len(c.marks())*markSize > len(links) {
			t.Fatal("more links than bytes")
		}
	})
}
