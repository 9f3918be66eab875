package main

import (
	"crypto/tls"
	"crypto/x509"
	"os"
)

// tlsFiles names files of PEM text.
type tlsFiles struct {
	// CA is the authority to trust, and no other.
	CA   string `json:"ca"`
	Cert string `json:"cert"`
	Key  string `json:"key"`
}

func rootsOf(file string) *x509.CertPool {
	pem, err := os.ReadFile(file)
	if err != nil {
		fail("authority: " + err.Error())
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		fail(file + " holds no certificate")
	}
	return roots
}

func (f tlsFiles) identity() []tls.Certificate {
	if f.Cert == "" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		fail("certificate: " + err.Error())
	}
	return []tls.Certificate{pair}
}

// forClient verifies servers by the authority, and shows a certificate if it has one.
func (f tlsFiles) forClient() *tls.Config {
	return &tls.Config{RootCAs: rootsOf(f.CA), Certificates: f.identity()}
}

// forServer asks clients for a certificate of the authority, if it has one. Without files: no TLS.
func (f tlsFiles) forServer() *tls.Config {
	if f.Cert == "" {
		return nil
	}
	config := &tls.Config{Certificates: f.identity()}
	if f.CA != "" {
		config.ClientCAs, config.ClientAuth = rootsOf(f.CA), tls.RequireAndVerifyClientCert
	}
	return config
}
