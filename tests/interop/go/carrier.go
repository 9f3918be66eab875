package main

import (
	"context"
	"net"
	"strings"
)

// carrier is a connection that carries whole envelopes.
type carrier interface {
	send(envelope) error
	receive() ([]byte, error)
	Close() error
}

// framed carries them over TCP and Unix sockets, in frames.
type framed struct{ net.Conn }

func (c framed) send(e envelope) error { return writeFrame(c.Conn, e) }

func (c framed) receive() ([]byte, error) { return readFrame(c.Conn) }

func dial(ctx context.Context, url string) (carrier, error) {
	if strings.HasPrefix(url, "ws") {
		return dialWebSocket(ctx, url)
	}
	network, address := listenAt(url)
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return framed{conn}, nil
}
