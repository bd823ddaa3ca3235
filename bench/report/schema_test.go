package report

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Every field of the JSON form is in the documentation.
func TestSchemaIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/benchmarks.md")
	require.NoError(t, err)
	fields := fieldsOf(reflect.TypeFor[Report](), nil)
	require.Greater(t, len(fields), 60)
	for _, field := range fields {
		require.True(t, strings.Contains(string(text), "`"+field+"`") || strings.Contains(string(text), "`"+field+"[]`"),
			"docs/benchmarks.md does not tell what %q is", field)
	}
	require.Contains(t, string(text), "`"+Schema+"`")
}

func fieldsOf(t reflect.Type, names []string) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]() {
		return names
	}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		names = fieldsOf(t.Field(i).Type, append(names, name))
	}
	return names
}
