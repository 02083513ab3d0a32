// SPDX-License-Identifier: Apache-2.0

// A filter in Go: makes a table, then answers each line of stdin.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

func main() {
	table := map[string]int{}
	for i := 0; i < 100000; i++ {
		table[fmt.Sprint("k", i)] = i * 3
	}
	in := bufio.NewScanner(os.Stdin)
	out := bufio.NewWriter(os.Stdout)
	words := 0
	for in.Scan() {
		for _, word := range strings.Fields(in.Text()) {
			words++
			fmt.Fprintln(out, word, table[fmt.Sprint("k", len(word)*words)])
		}
	}
	out.Flush()
	os.Exit(words % 5)
}
