// Probe is what the tests run in pods: a small server, and questions to ask from inside.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

const patience = 5 * time.Second

func main() {
	if len(os.Args) < 3 {
		fail("usage: probe serve|fetch|resolve|dial|reach|environment|read|write|burn ARGUMENT")
	}
	argument := os.Args[2]
	switch os.Args[1] {
	case "serve":
		serve(argument)
	case "fetch":
		client := http.Client{Timeout: patience}
		response, err := client.Get(argument)
		check(err)
		body, err := io.ReadAll(response.Body)
		check(err)
		fmt.Print(string(body))
	case "resolve":
		addresses, err := net.LookupHost(argument)
		check(err)
		fmt.Print(strings.Join(addresses, " "))
	case "dial":
		connection, err := net.DialTimeout("tcp", argument, patience)
		check(err)
		fmt.Print(connection.RemoteAddr())
	case "reach":
		connection, err := net.DialTimeout("tcp", argument, time.Second)
		if err != nil {
			fmt.Print("no")
			return
		}
		connection.Close()
		fmt.Print("yes")
	case "environment":
		fmt.Print(os.Getenv(argument))
	case "read":
		content, err := os.ReadFile(argument)
		check(err)
		fmt.Print(string(content))
	case "write":
		path, content, _ := strings.Cut(argument, "=")
		check(os.WriteFile(path, []byte(content), 0o600))
	case "burn":
		share, err := time.ParseDuration(argument)
		check(err)
		burn(share)
	default:
		fail("unknown question " + os.Args[1])
	}
}

func serve(address string) {
	name, _ := os.Hostname()
	http.HandleFunc("/", func(writer http.ResponseWriter, request *http.Request) {
		fmt.Fprint(writer, name)
	})
	fmt.Println("serving")
	check(http.ListenAndServe(address, nil))
}

// burn computes for this part of every 100 ms, until it is killed.
func burn(share time.Duration) {
	for tick := time.Now(); ; tick = tick.Add(100 * time.Millisecond) {
		for time.Since(tick) < share {
		}
		time.Sleep(time.Until(tick.Add(100 * time.Millisecond)))
	}
}

func check(err error) {
	if err != nil {
		fail(err.Error())
	}
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, message)
	os.Exit(1)
}
