// Generates gen/ from ../../../proto with protoc and the plugins that go.mod names. protoc is taken
// from the PATH; without one, `pip install grpcio-tools` gives Python one, which is used instead.
package main

import (
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const proto = "../../../proto"

var packages = map[string]string{
	"accelbyte/chat/chat/v1/chat.proto": "chatpb",
}

func main() {
	log.SetFlags(0)
	arguments := []string{
		"-I" + proto,
		"--plugin=protoc-gen-go=" + tool("protoc-gen-go"),
		"--plugin=protoc-gen-go-grpc=" + tool("protoc-gen-go-grpc"),
		"--go_out=.", "--go_opt=module=example.com/chathandler",
		"--go-grpc_out=.", "--go-grpc_opt=module=example.com/chathandler",
	}
	for file, name := range packages {
		mapping := "M" + file + "=example.com/chathandler/gen/" + name + ";" + name
		arguments = append(arguments, "--go_opt="+mapping, "--go-grpc_opt="+mapping, file)
	}
	run(append(compiler(), arguments...))
}

// compiler is the command that starts protoc.
func compiler() []string {
	if path, err := exec.LookPath("protoc"); err == nil {
		return []string{path}
	}
	for _, python := range []string{"python3", "python"} {
		if exec.Command(python, "-c", "import grpc_tools").Run() == nil {
			return []string{python, "-m", "grpc_tools.protoc"}
		}
	}
	log.Fatal("no protoc found: install protobuf's compiler, or `pip install grpcio-tools`")
	return nil
}

// tool builds a tool of go.mod into Go's own cache and returns its path.
func tool(name string) string {
	path, err := exec.Command("go", "tool", "-n", name).Output()
	if err != nil {
		log.Fatalf("go tool -n %s: %v", name, err)
	}
	return filepath.Clean(strings.TrimSpace(string(path)))
}

func run(command []string) {
	process := exec.Command(command[0], command[1:]...)
	process.Stdout, process.Stderr = os.Stdout, os.Stderr
	if err := process.Run(); err != nil {
		log.Fatalf("%s: %v", command[0], err)
	}
}
