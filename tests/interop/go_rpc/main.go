// Go peers for the interop tests that need more than the standard library:
// gRPC by grpc-go, Connect and gRPC-Web by connect-go, HTTP/3 by quic-go.
//
//	peer http3-client
//	peer rpc-client
//	peer rpc-bench
//	peer rpc-server grpc|connect [--port N] [--habits] [--exit-with-stdin]
//	                             [--cert FILE --key FILE [--client-ca FILE]]
//
// A client prints READY 0, reads one case a line and writes one result a line;
// a server prints READY <port>. The README beside this folder lists the fields.
// --habits makes the server do as Go's agenkit does where that is odd.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	if len(os.Args) < 2 {
		fail("expected a command: http3-client, rpc-client, rpc-bench or rpc-server")
	}
	switch command := os.Args[1]; command {
	case "http3-client":
		runCases(http3Client())
	case "rpc-client":
		runCases(rpcClient())
	case "rpc-bench":
		benchRPC()
	case "rpc-server":
		if len(os.Args) < 3 {
			fail("expected a kind of server: grpc or connect")
		}
		flags := flag.NewFlagSet("rpc-server", flag.ExitOnError)
		port := flags.String("port", "0", "where to listen")
		habits := flags.Bool("habits", false, "do as Go's agenkit does")
		flags.Bool("exit-with-stdin", true, "it always does")
		var files tlsFiles
		flags.StringVar(&files.Cert, "cert", "", "makes it speak TLS")
		flags.StringVar(&files.Key, "key", "", "the key of cert")
		flags.StringVar(&files.CA, "client-ca", "", "who signs the certificates that clients must have")
		flags.Parse(os.Args[3:])
		serveRPC(os.Args[2], *port, *habits, files.forServer())
	default:
		fail("unknown command: " + command)
	}
}

func fail(text string) {
	fmt.Fprintln(os.Stderr, text)
	os.Exit(2)
}
