package proc

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// The lines between data centres: a process that holds every packet from one to another for as long as light would take,
// and counts it. All that the agents send each other between data centres passes through it, whatever it is, and they
// know nothing of it. It keeps the order of packets and drops none.

const (
	// oneWay is how long a packet is on the line. What is called the distance of two data centres is the round trip, as
	// ping says it: 40 ms.
	oneWay    = 20 * time.Millisecond
	roundTrip = 2 * oneWay

	lineVariable = "MUSTER_PROC_LINE" // the names of its interfaces, one for each data centre
	// onTheLine is how many packets may be under way at once: more than the interfaces can bring in within oneWay.
	onTheLine = 1 << 16
	// ipProtocol is where an IPv4 packet says what it carries, ipDestination where it goes to. Of the addresses of a world
	// the third byte is the number of the data centre.
	ipHeader, ipProtocol, ipDestination, ipDatacenter = 20, 9, 16, 18
)

// lineTraffic is what has gone from one data centre to another since the line began.
type lineTraffic struct {
	From, To int // numbers of data centres
	// Bytes of the packets of TCP and UDP, which are all that agents send; Payload is without IP's header, but with those
	// of TCP and UDP.
	Bytes, Payload int
}

// lineState is what the line says when it is asked.
type lineState struct {
	Traffic []lineTraffic
	// Late is by how much packets left the line later than they should have, since it was last asked: half of them, 99 of
	// 100, and the latest. Held is how many those are.
	Late [3]time.Duration
	Held int
}

// onLine is a packet under way.
type onLine struct {
	packet []byte
	to     int
	due    time.Time
}

// wires is the line's process.
type wires struct {
	fds    []int
	flight chan onLine // in order of due, since all take as long; capacity onTheLine; a full one holds up the readers

	mu      sync.Mutex
	traffic map[[2]int]*lineTraffic
	late    []time.Duration
}

// line is the process. It answers each line of its standard input with its state, and ends with it.
func line() {
	w := &wires{flight: make(chan onLine, onTheLine), traffic: map[[2]int]*lineTraffic{}}
	for name := range strings.FieldsSeq(os.Getenv(lineVariable)) {
		fd, err := openTUN(name)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		w.fds = append(w.fds, fd)
	}
	var start sync.Mutex // Two readers may not both stamp a packet and then send it in the other order.
	for i, fd := range w.fds {
		go w.bring(i+1, fd, &start)
	}
	go w.deliver()
	fmt.Println("ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		state, _ := json.Marshal(w.state()) // Numbers alone.
		fmt.Println(string(state))
	}
}

// bring takes what a data centre sends.
func (w *wires) bring(from, fd int, start *sync.Mutex) {
	buf := make([]byte, 1<<16)
	for {
		n, err := syscall.Read(fd, buf)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return // The interface has gone.
		}
		if n < ipHeader || buf[0]>>4 != 4 {
			continue // What the kernel says of itself by IPv6.
		}
		to := int(buf[ipDatacenter])
		if to < 1 || to > len(w.fds) || to == from {
			continue
		}
		p := onLine{packet: slices.Clone(buf[:n]), to: to}
		w.count(from, to, p.packet)
		start.Lock()
		p.due = time.Now().Add(oneWay)
		w.flight <- p
		start.Unlock()
	}
}

func (w *wires) count(from, to int, packet []byte) {
	kind := packet[ipProtocol]
	if kind != syscall.IPPROTO_TCP && kind != syscall.IPPROTO_UDP {
		return // A ping.
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.traffic[[2]int{from, to}]
	if t == nil {
		t = &lineTraffic{From: from, To: to}
		w.traffic[[2]int{from, to}] = t
	}
	t.Bytes += len(packet)
	t.Payload += len(packet) - int(packet[0]&15)*4
}

// deliver gives each packet to where it goes when its time has come.
func (w *wires) deliver() {
	for p := range w.flight {
		for wait := time.Until(p.due); wait > 0; wait = time.Until(p.due) {
			sleepFor(wait.Nanoseconds())
		}
		_, _ = syscall.Write(w.fds[p.to-1], p.packet) // An interface that is not up takes nothing.
		w.mu.Lock()
		w.late = append(w.late, time.Since(p.due))
		w.mu.Unlock()
	}
}

func (w *wires) state() (s lineState) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range w.traffic {
		s.Traffic = append(s.Traffic, *t)
	}
	slices.Sort(w.late)
	if s.Held = len(w.late); s.Held > 0 {
		s.Late = [3]time.Duration{at(w.late, 0.5), at(w.late, 0.99), at(w.late, 1)}
	}
	w.late = nil
	return s
}
