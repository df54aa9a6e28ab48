// SPDX-License-Identifier: Apache-2.0

// Command relay listens in the network namespace it is started in and forwards each connection into another one.
// It runs in the other's PID namespace, so that it ends with it.
//
//	relay -listen 127.0.0.1:0 -netns /proc/1/ns/net -dial 192.0.2.10:6443 -port-file FILE
package main

import (
	"flag"
	"io"
	"log"
	"net"
	"os"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on, here")
	netns := flag.String("netns", "/proc/1/ns/net", "file of the network namespace to dial in")
	dial := flag.String("dial", "", "address to dial, there")
	portFile := flag.String("port-file", "", "file that receives the port listened on")
	flag.Parse()

	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	port := strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	if err := writeWhole(*portFile, port); err != nil {
		log.Fatal(err)
	}
	dialer := startDialer(*netns, *dial)
	for {
		conn, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go forward(conn, dialer)
	}
}

func writeWhole(path, text string) error {
	if err := os.WriteFile(path+".new", []byte(text), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

type answer struct {
	conn net.Conn
	err  error
}

// startDialer keeps one thread inside the other namespace: a socket belongs to the namespace of the thread that made it.
func startDialer(netns, address string) chan chan answer {
	requests := make(chan chan answer)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread is foreign from here on
		file, err := os.Open(netns)
		if err != nil {
			log.Fatal(err)
		}
		if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
			log.Fatal(err)
		}
		for reply := range requests {
			conn, err := net.DialTimeout("tcp", address, 5*time.Second)
			reply <- answer{conn, err}
		}
	}()
	return requests
}

func forward(here net.Conn, dialer chan chan answer) {
	defer here.Close()
	reply := make(chan answer, 1)
	dialer <- reply
	got := <-reply
	if got.err != nil {
		return
	}
	there := got.conn
	defer there.Close()
	done := make(chan struct{})
	go func() {
		pipe(there, here)
		close(done)
	}()
	pipe(here, there)
	<-done
}

// pipe copies until the sender has nothing more to say, and passes that on.
func pipe(to, from net.Conn) {
	io.Copy(to, from)
	to.(*net.TCPConn).CloseWrite()
}
