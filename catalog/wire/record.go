package wire

import (
	"slices"
	"time"

	"github.com/musterhq/muster/catalog"
	"github.com/musterhq/muster/catalog/causal"
)

const (
	recordFields       = 8
	registrationFields = 14
	withAttributes     = registrationFields + 1
	leaseFields        = 4
	overrideFields     = 2
	checkFields        = 22
	resultFields       = 4
)

// Flags of a registration and of a lease.
const (
	flagSecure    = 1 << 0
	flagEmbedded  = 1 << 1
	flagPermanent = 1 << 2
	flagPreserved = 1 << 0
)

// maxFields bounds how many fields a newer version may have added to any array of fixed fields.
const maxFields = 64

// MaxBodyBytes bounds the encoded body of one record.
const MaxBodyBytes = 2 * catalog.MaxRecordBytes

// AppendRecord appends the record's body, without its dot, to dst.
func AppendRecord(dst []byte, r *catalog.Record) []byte {
	return appendTo(dst, func(w *writer) { w.record(r) })
}

func (w *writer) record(r *catalog.Record) {
	w.array(recordFields)
	w.uint(r.Stamp.Lamport)
	w.int(r.Wall)
	w.uint(uint64(r.Kind))
	w.str(r.Key.Namespace)
	w.str(r.Key.Service)
	w.str(r.Key.ID)
	w.uint(uint64(r.Deletion))
	switch {
	case r.Deleted():
		w.nil()
	case r.Kind == catalog.KindRegistration:
		w.registration(r.Registration)
	case r.Kind == catalog.KindLease:
		w.lease(r.Lease)
	case r.Kind == catalog.KindChecks:
		w.results(r.Checks.Results)
	default:
		w.array(overrideFields)
		w.uint(uint64(r.Override.Status))
		w.str(r.Override.Reason)
	}
}

func (w *writer) registration(i *catalog.Instance) {
	// Few instances have attributes; the others are spared the byte.
	if len(i.Attributes) > 0 {
		w.array(withAttributes)
	} else {
		w.array(registrationFields)
	}
	w.str(i.Address)
	w.int(int64(i.Port))
	w.int(int64(i.Weight))
	w.int(i.TTL.Milliseconds())
	w.uint(uint64(i.Status))
	w.uint(bit(i.Secure, flagSecure) | bit(i.Embedded, flagEmbedded) | bit(i.Permanent, flagPermanent))
	w.str(i.Home)
	w.str(i.Datacenter)
	w.str(i.Zone)
	w.int(millis(i.RegisteredAt))
	w.array(len(i.Tags))
	for _, t := range i.Tags {
		w.str(t)
	}
	w.texts(i.Metadata)
	w.array(2 * len(i.Ports))
	for _, k := range sortedKeys(i.Ports) {
		w.str(k)
		w.int(int64(i.Ports[k]))
	}
	w.array(len(i.Checks))
	for n := range i.Checks {
		w.healthCheck(&i.Checks[n])
	}
	if len(i.Attributes) > 0 {
		w.texts(i.Attributes)
	}
}

// texts writes a map as alternating keys and values.
func (w *writer) texts(m map[string]string) {
	w.array(2 * len(m))
	for _, k := range sortedKeys(m) {
		w.str(k)
		w.str(m[k])
	}
}

func (w *writer) lease(l *catalog.Lease) {
	w.array(leaseFields)
	w.str(l.Home)
	w.uint(uint64(l.Status))
	w.uint(bit(l.Preserved, flagPreserved))
	w.int(millis(l.LastRenewal))
}

// Record decodes a body whose frame says that it is the write with that dot. The record shares no memory with b.
func (d *Decoder) Record(dot causal.Dot, b []byte) (*catalog.Record, error) {
	if len(b) > MaxBodyBytes {
		d.err = nil
		d.fail("body of %d bytes, at most %d", len(b), MaxBodyBytes)
		return nil, d.err
	}
	d.start(b)
	r := d.record(dot)
	if err := d.end(); err != nil {
		return nil, err
	}
	return r, nil
}

func (d *Decoder) record(dot causal.Dot) *catalog.Record {
	n := d.array(recordFields, maxFields)
	r := &catalog.Record{Stamp: causal.Stamp{Lamport: d.uint(maxLamport), Dot: dot}, Wall: d.int()}
	r.Kind = catalog.Kind(d.uint(0xff))
	r.Key = catalog.Key{
		Namespace: d.name(catalog.MaxNameBytes),
		Service:   d.name(catalog.MaxNameBytes),
		ID:        d.str(catalog.MaxNameBytes),
	}
	r.Deletion = catalog.Deletion(d.uint(0xff))
	if d.err == nil && (!r.Kind.Valid() || !r.Deletion.Valid() || dot.Seq == 0 || dot.Origin.Node == "" ||
		r.Stamp.Lamport == 0 || r.Key.Namespace == "" || r.Key.Service == "" || r.Key.ID == "") {
		d.fail("record of kind %d, deletion %d, dot %v, key %v", r.Kind, r.Deletion, dot, r.Key)
	}
	switch {
	case d.err != nil:
	case r.Deleted():
		if !d.isNil() {
			d.fail("a tombstone with a body")
		}
	case r.Kind == catalog.KindRegistration:
		r.Registration = d.registration(r.Key, r.Private())
	case r.Kind == catalog.KindLease:
		r.Lease = d.lease()
	case r.Kind == catalog.KindChecks:
		r.Checks = &catalog.Checks{Results: d.results()}
	default:
		n := d.array(overrideFields, maxFields)
		r.Override = &catalog.Override{Status: d.status(), Reason: d.str(catalog.MaxValueBytes)}
		d.skip(n - overrideFields)
		if r.Override.Status == catalog.StatusNone {
			d.fail("an override with no status")
		}
	}
	d.skip(n - recordFields)
	return r
}

// maxLamport keeps a hostile counter from pushing the cluster's to the end of the numbers: at a million writes a second
// it is reached after 292,000 years.
const maxLamport = 1<<63 - 1

func (d *Decoder) registration(key catalog.Key, private bool) *catalog.Instance {
	n := d.array(registrationFields, maxFields)
	i := &catalog.Instance{
		Namespace: key.Namespace, Service: key.Service, ID: key.ID,
		Address: d.str(catalog.MaxNameBytes),
		Port:    int(d.uint(65535)),
		Weight:  int(d.uint(65535)),
		TTL:     d.duration(catalog.MaxTTL),
		Status:  d.status(),
	}
	i.Private = private
	flags := d.uint(^uint64(0))
	i.Secure, i.Embedded, i.Permanent = flags&flagSecure != 0, flags&flagEmbedded != 0, flags&flagPermanent != 0
	i.Home = d.name(2*catalog.MaxNameBytes + 1)
	i.Datacenter = d.name(catalog.MaxNameBytes)
	i.Zone = d.name(catalog.MaxNameBytes)
	i.RegisteredAt = d.time()
	i.Tags = d.list(catalog.MaxTags)
	i.Metadata = d.texts(catalog.MaxMetadata)
	if pairs := d.pairs(catalog.MaxTags); pairs > 0 {
		i.Ports = make(map[string]int, pairs)
		for range pairs {
			k := d.name(catalog.MaxNameBytes)
			i.Ports[k] = int(d.uint(65535))
		}
	}
	if checks := d.array(0, catalog.MaxChecks); checks > 0 {
		i.Checks = make([]catalog.Check, checks)
		for c := range i.Checks {
			i.Checks[c] = d.healthCheck()
		}
	}
	if n >= withAttributes {
		i.Attributes = d.texts(catalog.MaxAttributes)
	}
	d.skip(n - withAttributes)
	if d.err == nil && (i.Address == "" || i.Port == 0 && !i.Permanent || i.TTL < catalog.MinTTL || i.Weight == 0 || i.Home == "" ||
		i.Status == catalog.StatusNone) {
		d.fail("registration of %v without address, port, ttl, weight, home or status", key)
	}
	return i
}

// texts reads a map of texts that are likely to recur, which is shared with equal ones; nil if it is empty.
func (d *Decoder) texts(most int) map[string]string {
	m, found, raw := again(d, d.maps)
	if found {
		return m
	}
	pairs := d.pairs(most)
	if pairs == 0 {
		return nil
	}
	m = make(map[string]string, pairs)
	for range pairs {
		k := d.name(catalog.MaxNameBytes)
		m[k] = d.name(catalog.MaxValueBytes)
	}
	remember(d, &d.maps, raw, m)
	return m
}

// list reads texts that are likely to recur, likewise.
func (d *Decoder) list(most int) []string {
	l, found, raw := again(d, d.lists)
	if found {
		return l
	}
	n := d.array(0, most)
	if n == 0 {
		return nil
	}
	l = make([]string, n)
	for i := range l {
		l[i] = d.name(catalog.MaxNameBytes)
	}
	remember(d, &d.lists, raw, l)
	return l
}

// pairs reads the length of an array of alternating keys and values: the number of pairs.
func (d *Decoder) pairs(most int) int {
	n := d.array(0, 2*most)
	if n%2 != 0 {
		d.fail("array of %d, want pairs", n)
	}
	return n / 2
}

func (d *Decoder) lease() *catalog.Lease {
	n := d.array(leaseFields, maxFields)
	l := &catalog.Lease{Home: d.name(2*catalog.MaxNameBytes + 1), Status: d.status()}
	l.Preserved = d.uint(^uint64(0))&flagPreserved != 0
	l.LastRenewal = d.time()
	d.skip(n - leaseFields)
	if d.err == nil && (l.Home == "" || l.Status == catalog.StatusNone) {
		d.fail("a lease without home or status")
	}
	return l
}

func (d *Decoder) status() catalog.Status {
	return catalog.Status(d.uint(uint64(catalog.StatusUnknown)))
}

func (d *Decoder) duration(most time.Duration) time.Duration {
	return time.Duration(d.uint(uint64(most.Milliseconds()))) * time.Millisecond
}

// time reads milliseconds since 1970; 0 is the zero time.
func (d *Decoder) time() time.Time {
	ms := d.int()
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func bit(b bool, flag uint64) uint64 {
	if b {
		return flag
	}
	return 0
}

func sortedKeys[V any](m map[string]V) []string {
	if len(m) == 0 {
		return nil
	}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
