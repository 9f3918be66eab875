package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
)

type server struct {
	agent *agent
	unary bool
}

func runServer(args []string) {
	flags := flag.NewFlagSet("server", flag.ExitOnError)
	port := flags.Int("port", 0, "port to listen on; 0 chooses a free one")
	unary := flags.Bool("unary", false, "offer an agent that cannot stream")
	listen := flags.String("listen", "", "tcp:// or unix:// address to serve at instead of HTTP; -port replaces its port")
	exitWithStdin := flags.Bool("exit-with-stdin", false, "end when the input ends")
	_ = flags.Parse(args)
	if *exitWithStdin {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			os.Exit(0)
		}()
	}
	s := &server{agent: &agent{}, unary: *unary}
	if *listen != "" {
		s.serveSocket(withPort(*listen, *port))
		return
	}
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	mux := http.NewServeMux()
	// Wire table "routes": these and no others; the rest is net/http's own
	// plain-text 404 and its redirect of double slashes.
	mux.HandleFunc("/health", s.health)
	mux.HandleFunc("/process", s.process)
	mux.HandleFunc("/stream", s.stream)
	mux.HandleFunc("/ws", s.serveWebSocket)
	fmt.Printf("READY %d\n", listener.Addr().(*net.TCPAddr).Port)
	// No read, write or idle timeouts and no limit of size: wire section
	// "timeouts and pools" and table "responses", row "body > 10 MiB".
	// A panic in a handler is net/http's to catch; it closes the connection
	// without an answer. Its stack traces are of no use here.
	web := &http.Server{Handler: mux, ErrorLog: log.New(io.Discard, "", 0)}
	web.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.agent.connections.Add(1)
		}
	}
	log.Fatal(web.Serve(listener))
}

// health answers with nothing. Wire table "routes", row GET/HEAD /health.
func (s *server) health(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		notAllowed(w)
	}
}

func (s *server) process(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		notAllowed(w)
		return
	}
	id, m, ok := s.read(w, r)
	if !ok {
		return
	}
	answer, err := s.agent.process(r.Context(), m)
	if err != nil {
		// Wire table "responses", row "agent throws": the raw text.
		sendError(w, id, "EXECUTION_ERROR", err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(encode(newEnvelope("response", id, map[string]any{"message": toWire(answer)})))
}

func (s *server) stream(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		notAllowed(w)
		return
	}
	if s.unary {
		// Before the body is read, hence the id. Wire table "responses", row
		// "/stream, agent not streaming"; incompatibility 19.
		sendError(w, "unknown", "NOT_IMPLEMENTED", "agent does not support streaming")
		return
	}
	id, m, ok := s.read(w, r)
	if !ok {
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	flusher := w.(http.Flusher)
	// Wire section "streaming": one line an event, flushed one by one, and the
	// body ends right after stream_end or error.
	send := func(e envelope) {
		fmt.Fprintf(w, "data: %s\n\n", encode(e))
		flusher.Flush()
	}
	items := s.agent.stream(r.Context(), m)
	for {
		select {
		case next, open := <-items:
			switch {
			case !open:
				send(newEnvelope("stream_end", id, map[string]any{}))
				return
			case next.err != nil:
				send(errorEnvelope(id, "STREAM_ERROR", next.err.Error()))
				return
			}
			send(newEnvelope("stream_chunk", id, map[string]any{"message": toWire(next.chunk)}))
		case <-r.Context().Done():
			// Wire section "streaming", client cancel.
			send(errorEnvelope(id, "CANCELLED", "request cancelled"))
			return
		}
	}
}

// read takes a request's message or answers with the error. It ignores the
// request's content type, its payload.method and its payload.agent_name.
func (s *server) read(w http.ResponseWriter, r *http.Request) (string, Message, bool) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		sendError(w, "unknown", "INVALID_REQUEST", "failed to read request body")
		return "", Message{}, false
	}
	e, err := decode(body)
	if err != nil {
		// Wire table "responses", rows "malformed JSON" and "wrong version /
		// empty id": the id is never the request's.
		sendError(w, "unknown", "INVALID_MESSAGE", "failed to decode request")
		return "", Message{}, false
	}
	m, ok := fromWire(e.Payload)
	if !ok {
		sendError(w, e.ID, "INVALID_MESSAGE", "invalid message format")
		return "", Message{}, false
	}
	return e.ID, m, true
}

func notAllowed(w http.ResponseWriter) {
	// Wire table "routes", row "other method": plain text, no Allow.
	http.Error(w, "Method not allowed", http.StatusMethodNotAllowed)
}

// sendError maps codes to statuses as wire section "responses" lists for Go.
func sendError(w http.ResponseWriter, id, code, text string) {
	status := http.StatusInternalServerError
	switch code {
	case "INVALID_MESSAGE", "INVALID_REQUEST":
		status = http.StatusBadRequest
	case "NOT_IMPLEMENTED":
		status = http.StatusNotImplemented
	case "AGENT_NOT_FOUND":
		status = http.StatusNotFound
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(encode(errorEnvelope(id, code, text)))
}
