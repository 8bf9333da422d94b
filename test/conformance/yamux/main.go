// The other end of a yamux connection over TCP, for the conformance test.
//
//	yamux server        listens, prints its port, and does with each stream what its first byte says
//	yamux client PORT   opens 50 streams, sends 400 000 bytes on each and expects them back
package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"math/rand"
	"net"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/yamux"
)

const (
	streams      = 50
	bytesPerEach = 400_000
)

func config() *yamux.Config {
	c := yamux.DefaultConfig()
	c.LogOutput = io.Discard
	c.StreamCloseTimeout = 200 * time.Millisecond
	return c
}

func main() {
	var err error
	if len(os.Args) == 3 && os.Args[1] == "client" {
		err = client(os.Args[2])
	} else {
		err = server()
	}
	if err != nil {
		log.Fatal(err)
	}
}

func server() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	conn, err := listener.Accept()
	if err != nil {
		return err
	}
	session, err := yamux.Server(conn, config())
	if err != nil {
		return err
	}
	var open sync.Once
	gate := make(chan struct{})
	for {
		stream, err := session.AcceptStream()
		if err != nil {
			return nil
		}
		go serve(session, stream, gate, func() { open.Do(func() { close(gate) }) })
	}
}

func serve(session *yamux.Session, stream *yamux.Stream, gate chan struct{}, open func()) {
	first := make([]byte, 1)
	if _, err := io.ReadFull(stream, first); err != nil {
		return
	}
	switch first[0] {
	case 'E': // echo
		io.Copy(stream, stream)
		stream.Close()
	case 'R': // report how the stream ended
		_, err := io.Copy(io.Discard, stream)
		fmt.Println("ended:", err)
	case 'C': // close without reading: the stream is reset when the peer does not close it
		stream.Close()
	case 'W': // read only once the gate is open, then answer with the count
		<-gate
		count, _ := io.Copy(io.Discard, stream)
		binary.Write(stream, binary.BigEndian, uint32(count))
		stream.Close()
	case 'G': // open the gate
		open()
		stream.Close()
	case 'P': // ping the peer, then answer with one byte
		if _, err := session.Ping(); err == nil {
			stream.Write([]byte{1})
		}
		stream.Close()
	case 'A': // go away
		session.GoAway()
		stream.Write([]byte{1})
		stream.Close()
	}
}

func client(port string) error {
	conn, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		return err
	}
	session, err := yamux.Client(conn, config())
	if err != nil {
		return err
	}
	results := make(chan error, streams)
	for i := 0; i < streams; i++ {
		go func(seed int64) { results <- echo(session, seed) }(int64(i))
	}
	for i := 0; i < streams; i++ {
		if err := <-results; err != nil {
			return err
		}
	}
	if _, err := session.Ping(); err != nil {
		return err
	}
	fmt.Println("echoed", streams*bytesPerEach)
	return session.Close()
}

func echo(session *yamux.Session, seed int64) error {
	stream, err := session.OpenStream()
	if err != nil {
		return err
	}
	sent := make([]byte, bytesPerEach)
	rand.New(rand.NewSource(seed)).Read(sent)
	go func() {
		stream.Write(sent)
		stream.Close() // half-closes: the answer is read on
	}()
	received, err := io.ReadAll(stream)
	if err != nil {
		return err
	}
	if !bytes.Equal(sent, received) {
		return fmt.Errorf("stream %d: %d bytes came back, or others", seed, len(received))
	}
	return nil
}
