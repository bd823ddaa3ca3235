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

// ReadCertificates reads the certificates that others are judged by, in PEM. What
// it says of a file that is none names it.
func ReadCertificates(name string) (*x509.CertPool, error) {
	text, err := contents(name)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", name)
	}
	return pool, nil
}

// ReadPair reads a certificate, with those that it comes from behind it, and the
// key that belongs to it. key tells that an error is to be said of that.
func ReadPair(certFile, keyFile string) (pair tls.Certificate, key bool, err error) {
	cert, err := contents(certFile)
	if err != nil {
		return pair, false, err
	}
	private, err := contents(keyFile)
	if err != nil {
		return pair, true, err
	}
	if pair, err = tls.X509KeyPair(cert, private); err != nil {
		return pair, false, fmt.Errorf("%s and %s: %w", certFile, keyFile, err)
	}
	return pair, false, nil
}

// file adds what is wrong with the file that a key names.
func (v *validation) file(key string, err error) {
	v.problems = append(v.problems, &Problem{Key: key, Text: err.Error(), file: true})
}
