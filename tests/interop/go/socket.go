package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
)

// Frames of TCP and Unix sockets. Wire section "TCP / unix framing".

// writeFrame writes the length and the envelope apart, so they may arrive as
// two segments.
func writeFrame(conn net.Conn, e envelope) error {
	body := encode(e)
	var prefix [4]byte
	binary.BigEndian.PutUint32(prefix[:], uint32(len(body)))
	if _, err := conn.Write(prefix[:]); err != nil {
		return err
	}
	_, err := conn.Write(body)
	return err
}

// readFrame allocates whatever the length says: there is no limit on this side.
func readFrame(conn net.Conn) ([]byte, error) {
	var prefix [4]byte
	if _, err := io.ReadFull(conn, prefix[:]); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(prefix[:]))
	_, err := io.ReadFull(conn, body)
	return body, err
}

// listenAt splits what net.Listen and net.Dial want of a URL.
func listenAt(url string) (network, address string) {
	network, address, _ = strings.Cut(url, "://")
	return network, address
}

// withPort replaces the port of a tcp:// address, unless it is 0.
func withPort(url string, port int) string {
	if port == 0 || !strings.HasPrefix(url, "tcp:") {
		return url
	}
	return fmt.Sprintf("%s:%d", url[:strings.LastIndex(url, ":")], port)
}

func (s *server) serveSocket(url string) {
	network, address := listenAt(url)
	if network == "unix" {
		_ = os.Remove(address)
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	port := 0
	if tcp, ok := listener.Addr().(*net.TCPAddr); ok {
		port = tcp.Port
	} else {
		_ = os.Chmod(address, 0o600)
	}
	fmt.Printf("READY %d\n", port)
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		s.agent.connections.Add(1)
		// Nothing recovers here: a message of the wrong shape ends the process.
		// Incompatibility 1.
		go s.serveConn(conn)
	}
}

// serveConn answers one request after the other, as long as the client keeps
// the connection: there is no idle timeout on this side.
func (s *server) serveConn(conn net.Conn) {
	defer conn.Close()
	for {
		body, err := readFrame(conn)
		if err != nil {
			return
		}
		e, err := decode(body)
		if err != nil {
			_ = writeFrame(conn, errorEnvelope("unknown", "INVALID_MESSAGE", "failed to decode request"))
			return
		}
		if !s.answer(conn, e) {
			return
		}
	}
}

// answer says whether the connection may be used again: not so after a request
// that makes no sense.
func (s *server) answer(conn net.Conn, e envelope) bool {
	refuse := func(code, text string) bool {
		_ = writeFrame(conn, errorEnvelope(e.ID, code, text))
		return false
	}
	if e.Type != "request" {
		return refuse("INTERNAL_ERROR", "expected 'request' but got '"+e.Type+"'")
	}
	method, ok := e.Payload["method"].(string)
	if !ok {
		return refuse("INVALID_MESSAGE", "missing 'method' in request")
	}
	if method != "process" && method != "stream" {
		return refuse("INTERNAL_ERROR", "unknown method: "+method)
	}
	m, ok := fromWire(e.Payload)
	if !ok {
		return refuse("INTERNAL_ERROR", "missing 'message' in request")
	}
	// Nobody reads while an agent works: that its client has left shows only
	// when a chunk cannot be written.
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if method == "process" {
		answer, err := s.agent.process(ctx, m)
		if err != nil {
			return writeFrame(conn, errorEnvelope(e.ID, "AGENT_ERROR", err.Error())) == nil
		}
		return writeFrame(conn, newEnvelope("response", e.ID, map[string]any{"message": toWire(answer)})) == nil
	}
	if s.unary {
		return writeFrame(conn, errorEnvelope(e.ID, "NOT_IMPLEMENTED", "agent does not support streaming")) == nil
	}
	for next := range s.agent.stream(ctx, m) {
		if next.err != nil {
			return writeFrame(conn, errorEnvelope(e.ID, "STREAM_ERROR", next.err.Error())) == nil
		}
		chunk := newEnvelope("stream_chunk", e.ID, map[string]any{"message": toWire(next.chunk)})
		if writeFrame(conn, chunk) != nil {
			return false
		}
	}
	return writeFrame(conn, newEnvelope("stream_end", e.ID, map[string]any{})) == nil
}

// socketRemote calls an agent over TCP, a Unix socket or a WebSocket, one call at a time. It
// has no time limit of its own, whatever it is told, and looks at no id: what
// comes next is taken for the answer. Incompatibilities 17 and 18.
type socketRemote struct {
	name, url string
	turn      sync.Mutex
	conn      carrier
}

func (r *socketRemote) close() {
	if r.conn != nil {
		_ = r.conn.Close()
	}
}

func (r *socketRemote) ask(ctx context.Context, method string, m Message) error {
	if r.conn == nil {
		conn, err := dial(ctx, r.url)
		if err != nil {
			return connectionError("failed to connect to "+r.url, err)
		}
		r.conn = conn
	}
	payload := map[string]any{"method": method, "message": toWire(m)}
	if r.name != "" {
		payload["agent_name"] = r.name
	}
	if err := r.conn.send(newEnvelope("request", newID(), payload)); err != nil {
		return connectionError("failed to send request", err)
	}
	return nil
}

func (r *socketRemote) next() (envelope, error) {
	body, err := r.conn.receive()
	if err != nil {
		r.close()
		r.conn = nil
		return envelope{}, connectionError("failed to receive response", err)
	}
	return decode(body)
}

func (r *socketRemote) process(ctx context.Context, m Message) (Message, error) {
	r.turn.Lock()
	defer r.turn.Unlock()
	if err := r.ask(ctx, "process", m); err != nil {
		return Message{}, err
	}
	e, err := r.next()
	if err != nil {
		return Message{}, err
	}
	if e.Type == "error" {
		return Message{}, remoteError(r.name, e)
	}
	if e.Type != "response" {
		return Message{}, failure{"InvalidMessageError", "expected 'response' but got '" + e.Type + "'"}
	}
	return messageOf(e)
}

func (r *socketRemote) stream(ctx context.Context, m Message, take func(Message) bool) error {
	r.turn.Lock()
	defer r.turn.Unlock()
	if err := r.ask(ctx, "stream", m); err != nil {
		return err
	}
	for {
		e, err := r.next()
		if err != nil {
			return err
		}
		switch e.Type {
		case "stream_chunk":
			chunk, err := messageOf(e)
			if err != nil {
				return err
			}
			if !take(chunk) {
				return nil
			}
		case "stream_end":
			return nil
		case "error":
			return remoteError(r.name, e)
		default:
			return errors.New("unexpected " + e.Type)
		}
	}
}
