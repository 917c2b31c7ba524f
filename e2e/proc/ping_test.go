package proc

import (
	endian "encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// A pinger is a process on a host that asks the kernel of another for an echo, all the time, and prints how long each
// took, in nanoseconds: the round trip of the network alone, beside what agents do in it.

const (
	pingVariable = "MUSTER_PROC_PING" // the address to ask
	pingInterval = 10 * time.Millisecond
	echoRequest  = 8
	echoReply    = 0
)

// pinger is the process. It ends with its standard input.
func pinger() {
	if err := ping(os.Getenv(pingVariable)); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func ping(address string) error {
	c, err := net.ListenPacket("ip4:icmp", "0.0.0.0")
	if err != nil {
		return err
	}
	to := &net.IPAddr{IP: net.ParseIP(address)}
	go func() {
		for range time.Tick(pingInterval) {
			// Type, code, checksum, identifier and number; then the time at which it was sent.
			m := endian.BigEndian.AppendUint64([]byte{echoRequest, 0, 0, 0, 0, 7, 0, 0}, uint64(time.Now().UnixNano()))
			endian.BigEndian.PutUint16(m[2:], checksum(m))
			_, _ = c.WriteTo(m, to)
		}
	}()
	go func() {
		for buf := make([]byte, 1500); ; {
			n, from, err := c.ReadFrom(buf)
			if err == nil && n == 16 && buf[0] == echoReply && from.String() == address {
				fmt.Println(time.Now().UnixNano() - int64(endian.BigEndian.Uint64(buf[8:])))
			}
		}
	}()
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// checksum is the Internet's: the complement of the sum of 16-bit words, with carries added in.
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(endian.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
