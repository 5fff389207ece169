package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// s3Kind is how an S3 server runs.
type s3Kind struct {
	plain bool // without TLS, which AWS has
}

// s3Server is an S3 server as a process of its own, so that what it takes does
// not count for the job.
type s3Server struct {
	address     string
	certificate string // a file; "" without TLS
	client      *http.Client
	stop        func()
}

// startS3 puts the server's certificate into the folder.
func startS3(ctx context.Context, folder string, files []string, kind s3Kind) (*s3Server, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	args := append([]string{"-serve", fmt.Sprintf("-tls=%t", !kind.plain)}, files...)
	command := exec.CommandContext(ctx, program, args...) //nolint:gosec // the program itself
	command.Stderr = os.Stderr
	stdin, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	s := &s3Server{client: http.DefaultClient, stop: func() {
		_ = stdin.Close()
		_ = command.Wait()
	}}
	if err := s.meet(bufio.NewReader(stdout), filepath.Join(folder, "s3-"+strconv.Itoa(command.Process.Pid)+".pem")); err != nil {
		s.stop()
		return nil, fmt.Errorf("S3 server: %w", err)
	}
	return s, nil
}

// meet reads what the server says of itself, and keeps its certificate in a file.
func (s *s3Server) meet(from *bufio.Reader, file string) error {
	line, err := from.ReadString('\n')
	if err != nil {
		return err
	}
	s.address = strings.TrimSpace(line)
	var certificate []byte
	for line != "\n" {
		if line, err = from.ReadString('\n'); err != nil {
			return err
		}
		certificate = append(certificate, line...)
	}
	if !strings.HasPrefix(s.address, "https:") {
		return nil
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(certificate) {
		return errors.New("its certificate cannot be read")
	}
	s.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	s.certificate = file
	stop := s.stop
	s.stop = func() {
		stop()
		_ = os.Remove(file)
	}
	return os.WriteFile(file, certificate, 0o600)
}

// environment leads the AWS SDK to the server.
func (s *s3Server) environment() []string {
	env := append(os.Environ(), "AWS_ENDPOINT_URL="+s.address, "AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=x")
	if s.certificate != "" {
		env = append(env, "AWS_CA_BUNDLE="+s.certificate)
	}
	return env
}

// cpu is the processor time that the server took so far.
func (s *s3Server) cpu() (time.Duration, error) {
	answer, err := s.client.Get(s.address + "/-/cpu")
	if err != nil {
		return 0, err
	}
	defer func() { _ = answer.Body.Close() }()
	line, err := bufio.NewReader(answer.Body).ReadString(0)
	if line == "" {
		return 0, err
	}
	n, err := strconv.ParseInt(line, 10, 64)
	return time.Duration(n), err
}
