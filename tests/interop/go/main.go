// Command agenkit-interop stands in for a Go peer of agenkit in the interop
// tests: as strict and as odd on the wire as Go agenkit of November 2025 is
// over HTTP, WebSocket, TCP and Unix sockets. Nothing of it is agenkit's own code; where a
// comment says "Wire table", it gives the row of observed behaviour that the
// lines below it repeat.
//
//	agenkit-interop server [-port N] [-listen URL] [-unary] [-exit-with-stdin]
//	agenkit-interop client
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: agenkit-interop server|client")
		os.Exit(2)
	}
	switch os.Args[1] {
	case "server":
		runServer(os.Args[2:])
	case "client":
		runClient()
	default:
		fmt.Fprintf(os.Stderr, "unknown subcommand %q: expected server or client\n", os.Args[1])
		os.Exit(2)
	}
}
