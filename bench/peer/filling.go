package peer

import (
	"strconv"
	"strings"
)

// filling is what goes into the placeholders of a definition.
type filling struct {
	binary, dir, config string
	port                int
	files               uint64
}

func (f filling) text(s string) string {
	return strings.NewReplacer(
		"{binary}", f.binary,
		"{dir}", f.dir,
		"{config}", f.config,
		"{port}", strconv.Itoa(f.port),
		"{files}", strconv.FormatUint(f.files, 10),
	).Replace(s)
}

func (f filling) words(words []string) []string {
	filled := make([]string, len(words))
	for i, w := range words {
		filled[i] = f.text(w)
	}
	return filled
}
