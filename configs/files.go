package configs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// maxFile is the most that is read of a file with a password or certificates.
const maxFile = 4 * MiB

// contents reads a file that a key names; what it says of one that cannot be
// read names it.
func contents(name string) ([]byte, error) {
	file, err := os.Open(name)
	var text []byte
	if err == nil {
		defer file.Close()
		text, err = io.ReadAll(io.LimitReader(file, int64(maxFile)+1))
	}
	if err != nil {
		if e := (*fs.PathError)(nil); errors.As(err, &e) {
			err = e.Err // without the path, which is named below
		}
		return nil, fmt.Errorf("%s cannot be read: %w", name, err)
	}
	if len(text) > int(maxFile) {
		return nil, fmt.Errorf("%s has more than %v", name, maxFile)
	}
	return text, nil
}

// checkPasswordFile tells why there is no password in the first line of a file.
func checkPasswordFile(name string) error {
	text, err := contents(name)
	if err != nil {
		return err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	if strings.TrimSuffix(line, "\r") == "" {
		return fmt.Errorf("%s has nothing in its first line; write the password there", name)
	}
	return nil
}

// checkCAFile tells why a file cannot be what certificates are judged by.
func checkCAFile(name string) error {
	text, err := contents(name)
	if err == nil && !x509.NewCertPool().AppendCertsFromPEM(text) {
		err = fmt.Errorf("%s holds no certificate in PEM", name)
	}
	return err
}

// checkPair tells why a certificate and a key cannot be used, and with which of
// the two that is to be said.
func checkPair(certFile, keyFile string) (err error, key bool) {
	cert, err := contents(certFile)
	if err != nil {
		return err, false
	}
	private, err := contents(keyFile)
	if err != nil {
		return err, true
	}
	if _, err = tls.X509KeyPair(cert, private); err != nil {
		return fmt.Errorf("%s and %s: %w", certFile, keyFile, err), false
	}
	return nil, false
}
