package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Message is what agents get and give.
type Message struct {
	Role      string
	Content   string
	Metadata  map[string]any
	Timestamp time.Time
}

// envelope holds typed fields, so an id or a timestamp that is no string fails
// to decode. Payload is a map: encoding/json writes its keys sorted.
// Wire table "envelope fields", rows id, timestamp and payload.
type envelope struct {
	Version   string         `json:"version"`
	Type      string         `json:"type"`
	ID        string         `json:"id"`
	Timestamp string         `json:"timestamp"`
	Payload   map[string]any `json:"payload"`
}

// wireMessage is a message in an envelope. A nil map becomes "metadata": null.
// Wire table "message object", column "Go emits", row metadata.
type wireMessage struct {
	Role      string         `json:"role"`
	Content   string         `json:"content"`
	Metadata  map[string]any `json:"metadata"`
	Timestamp string         `json:"timestamp"`
}

var envelopeTypes = map[string]bool{
	"request": true, "response": true, "error": true, "heartbeat": true,
	"register": true, "unregister": true, "stream_chunk": true, "stream_end": true,
}

func newEnvelope(kind, id string, payload map[string]any) envelope {
	return envelope{"1.0", kind, id, now().Format(time.RFC3339Nano), payload}
}

func errorEnvelope(id, code, text string) envelope {
	return newEnvelope("error", id, map[string]any{
		"error_code": code, "error_message": text, "error_details": map[string]any{},
	})
}

// encode uses the defaults of encoding/json: compact, raw UTF-8 except
// U+2028/2029, and <>& escaped. Wire section "JSON dialect differences", Go.
func encode(e envelope) []byte {
	out, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	return out
}

// decode refuses another version, an unknown type, an empty id and a payload
// that is null or missing. Wire table "envelope fields", column "required by
// receiver", Go.
func decode(data []byte) (envelope, error) {
	var e envelope
	if err := json.Unmarshal(data, &e); err != nil {
		return e, fmt.Errorf("failed to decode JSON: %w", err)
	}
	switch {
	case e.Version != "1.0":
		return e, fmt.Errorf("unsupported protocol version: %q", e.Version)
	case !envelopeTypes[e.Type]:
		return e, fmt.Errorf("invalid message type: %q", e.Type)
	case e.ID == "":
		return e, errors.New("missing 'id' field in envelope")
	case e.Payload == nil:
		return e, errors.New("missing 'payload' field in envelope")
	}
	return e, nil
}

// toWire writes a message. A zero time becomes year 1, trailing zeros of the
// fraction are cut. Wire table "message object", column "Go emits", row timestamp.
func toWire(m Message) wireMessage {
	return wireMessage{m.Role, m.Content, m.Metadata, m.Timestamp.Format(time.RFC3339Nano)}
}

// fromWire reads a message. Every assertion without "ok" is on purpose: a role,
// content or timestamp that is no string, and metadata that is null, missing or
// no object, panic. A time that cannot be parsed silently becomes now.
// Wire table "message object", column "Go accepts"; incompatibility 1.
func fromWire(payload map[string]any) (Message, bool) {
	fields, ok := payload["message"].(map[string]any)
	if !ok {
		return Message{}, false
	}
	m := Message{
		Role:     fields["role"].(string),
		Content:  fields["content"].(string),
		Metadata: fields["metadata"].(map[string]any),
	}
	stamp, err := time.Parse(time.RFC3339Nano, fields["timestamp"].(string))
	if err != nil {
		stamp = now()
	}
	m.Timestamp = stamp
	return m, true
}

func now() time.Time { return time.Now().UTC() }

// newID gives a UUID v4 in lower case. Wire table "envelope fields", row id.
func newID() string {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		panic(err)
	}
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
