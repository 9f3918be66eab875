package main

import (
	"context"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

// Wire section "WebSocket", rows "max size", "origin", "compression" and
// "subprotocol": 10 MiB, any origin, none, none.
const maxMessage = 10 << 20

var upgrader = websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}

// serveWebSocket answers requests one after the other inside its read loop, so
// it is deaf to pings while an agent works; it sends none itself. Wire section
// "WebSocket", rows "concurrency" and "server ping", pitfall (b).
func (s *server) serveWebSocket(w http.ResponseWriter, r *http.Request) {
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	// A panic drops the connection like this, without a close frame.
	defer conn.Close()
	conn.SetReadLimit(maxMessage)
	for {
		kind, body, err := conn.ReadMessage()
		if err != nil {
			return
		}
		if !s.answerWebSocket(conn, kind, body) {
			return
		}
	}
}

// answerWebSocket says whether the connection still works. Whatever is wrong
// with a request, the connection is kept. Wire section "WebSocket", rows
// "frames accepted (server)" and "undecodable message".
func (s *server) answerWebSocket(conn *websocket.Conn, kind int, body []byte) bool {
	send := func(e envelope) bool {
		return conn.WriteMessage(websocket.BinaryMessage, encode(e)) == nil
	}
	if kind != websocket.BinaryMessage {
		return send(errorEnvelope("unknown", "INVALID_MESSAGE", "only binary messages are supported"))
	}
	e, err := decode(body)
	if err != nil {
		return send(errorEnvelope("unknown", "INVALID_MESSAGE", "failed to decode request"))
	}
	method, _ := e.Payload["method"].(string)
	if e.Type != "request" || (method != "process" && method != "stream") {
		return send(errorEnvelope(e.ID, "INVALID_MESSAGE", "unknown method: "+method))
	}
	m, ok := fromWire(e.Payload)
	if !ok {
		return send(errorEnvelope(e.ID, "INVALID_MESSAGE", "invalid message format"))
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if method == "process" {
		answer, err := s.agent.process(ctx, m)
		if err != nil {
			return send(errorEnvelope(e.ID, "EXECUTION_ERROR", err.Error()))
		}
		return send(newEnvelope("response", e.ID, map[string]any{"message": toWire(answer)}))
	}
	if s.unary {
		return send(errorEnvelope(e.ID, "NOT_IMPLEMENTED", "agent does not support streaming"))
	}
	for next := range s.agent.stream(ctx, m) {
		if next.err != nil {
			return send(errorEnvelope(e.ID, "STREAM_ERROR", next.err.Error()))
		}
		if !send(newEnvelope("stream_chunk", e.ID, map[string]any{"message": toWire(next.chunk)})) {
			return false
		}
	}
	return send(newEnvelope("stream_end", e.ID, map[string]any{}))
}

// Wire section "WebSocket", row "connect retry", but for the length of the
// waits: 20 ms in place of a second.
const (
	connectAttempts = 5
	firstWait       = 20 * time.Millisecond
	pingInterval    = 30 * time.Second
	pongDeadline    = 10 * time.Second
)

// socket is a client's WebSocket.
type socket struct {
	*websocket.Conn
	done chan struct{}
}

func dialWebSocket(ctx context.Context, url string) (carrier, error) {
	dialer := websocket.Dialer{HandshakeTimeout: 45 * time.Second}
	wait := firstWait
	for attempt := 1; ; attempt++ {
		conn, _, err := dialer.DialContext(ctx, url, nil)
		if err == nil {
			s := socket{conn, make(chan struct{})}
			conn.SetReadLimit(maxMessage)
			// A late pong shortens the wait for the next answer. Pitfall (a).
			conn.SetPongHandler(func(string) error {
				return conn.SetReadDeadline(time.Now().Add(pongDeadline))
			})
			go s.ping()
			return s, nil
		}
		if attempt == connectAttempts {
			return nil, err
		}
		time.Sleep(wait)
		wait *= 2
	}
}

func (s socket) ping() {
	ticker := time.NewTicker(pingInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			_ = s.WriteControl(websocket.PingMessage, nil, time.Now().Add(pongDeadline))
		case <-s.done:
			return
		}
	}
}

func (s socket) send(e envelope) error {
	return s.WriteMessage(websocket.BinaryMessage, encode(e))
}

// receive takes text as well as binary messages. Row "frames accepted (client)".
func (s socket) receive() ([]byte, error) {
	_, body, err := s.ReadMessage()
	return body, err
}

// Close ends the connection without a word, as a Go program that exits does.
func (s socket) Close() error {
	close(s.done)
	return s.Conn.Close()
}
