package main

import (
	"encoding/json"
	"fmt"
	"time"

	pb "agenkit-interop-rpc/agentpb"
)

// toProto writes a message: what is no text becomes JSON text with a mark, or,
// with the habits of Go's agenkit, what fmt makes of it and no mark.
func toProto(m testMessage, suffix string, habits bool) *pb.Message {
	out := &pb.Message{Role: m.Role, Timestamp: m.Timestamp, Metadata: map[string]string{}}
	if out.Role == "" {
		out.Role = "user"
	}
	if out.Timestamp == "" {
		out.Timestamp = now()
	}
	if text, ok := m.Content.(string); ok {
		out.Content = text + suffix
	} else if m.Content == nil && habits {
		out.Content = ""
	} else {
		out.Content, out.JsonContent = jsonText(m.Content), !habits
	}
	for key, value := range m.Metadata {
		text, ok := value.(string)
		switch {
		case ok:
			out.Metadata[key] = text
		case habits:
			out.Metadata[key] = fmt.Sprintf("%v", value)
		default:
			out.Metadata[key] = jsonText(value)
			out.JsonMetadata = append(out.JsonMetadata, key)
		}
	}
	return out
}

// fromProto reads a message. With the habits of Go's agenkit content that
// parses as JSON is no text any more, and its agents take only text.
func fromProto(m *pb.Message, habits bool) (testMessage, error) {
	if m == nil {
		return testMessage{}, fmt.Errorf("an answer without a message")
	}
	out := testMessage{Role: m.Role, Content: m.Content, Timestamp: m.Timestamp, Metadata: map[string]any{}}
	var parsed any
	isJSON := json.Unmarshal([]byte(m.Content), &parsed) == nil
	if m.JsonContent && isJSON && !habits {
		out.Content = parsed
	}
	if _, text := parsed.(string); habits && isJSON && !text {
		return out, fmt.Errorf("panic: the content is no string but %T", parsed)
	}
	for key, value := range m.Metadata {
		out.Metadata[key] = value
	}
	if !habits {
		for _, key := range m.JsonMetadata {
			var value any
			if json.Unmarshal([]byte(m.Metadata[key]), &value) == nil {
				out.Metadata[key] = value
			}
		}
	}
	return out, nil
}

func jsonText(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		fail(err.Error())
	}
	return string(text)
}

func now() string { return time.Now().UTC().Format(time.RFC3339Nano) }
