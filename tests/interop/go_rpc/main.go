// Go peers for the interop tests that need more than the standard library:
// HTTP/3 by quic-go.
//
//	peer http3-client
//
// It prints READY 0, reads one case a line and writes one result a line. The
// README beside this folder lists the fields of both.
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) < 2 {
		fail("expected a command: http3-client")
	}
	switch command := os.Args[1]; command {
	case "http3-client":
		runCases(http3Client())
	default:
		fail("unknown command: " + command)
	}
}

func fail(text string) {
	fmt.Fprintln(os.Stderr, text)
	os.Exit(2)
}
