package configs

import (
	"encoding"
	"encoding/json"
	"io"
	"reflect"

	"go.yaml.in/yaml/v3"
)

// WriteYAML writes c as a file that [Load] reads, with the source of every value
// as a comment. What a field that is not set stands for is written out, and ***
// in place of passwords.
func WriteYAML(w io.Writer, c Config, sources Sources) error {
	encoder := yaml.NewEncoder(w)
	encoder.SetIndent(2)
	if err := encoder.Encode(yamlNode(reflect.ValueOf(decided(c)), "", sources)); err != nil {
		return err
	}
	return encoder.Close()
}

// WriteAllYAML writes instances as a file that [LoadAll] reads, as [WriteYAML]
// does: one that is no entry of a list alone, others as the list.
func WriteAllYAML(w io.Writer, all []Instance) error {
	if len(all) == 1 && all[0].Entry == "" {
		return WriteYAML(w, all[0].Config, all[0].Sources)
	}
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for _, i := range all {
		list.Content = append(list.Content, yamlNode(reflect.ValueOf(decided(i.Config)), "", i.Sources))
	}
	encoder := yaml.NewEncoder(w)
	encoder.SetIndent(2)
	if err := encoder.Encode(map[string]*yaml.Node{instancesKey: list}); err != nil {
		return err
	}
	return encoder.Close()
}

// WriteAllJSON writes instances as one JSON object: one that is no entry of a
// list as [WriteJSON] does, others as a list instances of such objects.
func WriteAllJSON(w io.Writer, all []Instance) error {
	if len(all) == 1 && all[0].Entry == "" {
		return WriteJSON(w, all[0].Config, all[0].Sources)
	}
	list := make([]any, len(all))
	for i := range list {
		list[i] = jsonOf(all[i].Config, all[i].Sources)
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(map[string]any{instancesKey: list})
}

// WriteJSON writes c and the sources as one JSON object: under config what
// [Load] would read from a file, with *** in place of passwords, under sources a
// map from keys to sources.
func WriteJSON(w io.Writer, c Config, sources Sources) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(jsonOf(c, sources))
}

func jsonOf(c Config, sources Sources) map[string]any {
	texts := make(map[string]string, len(sources))
	for path, s := range sources {
		texts[path] = s.String()
	}
	return map[string]any{"config": plain(reflect.ValueOf(decided(c)), ""), "sources": texts}
}

func yamlNode(v reflect.Value, path string, sources Sources) *yaml.Node {
	node := &yaml.Node{}
	switch v.Kind() {
	case reflect.Struct:
		node.Kind = yaml.MappingNode
		for i := range v.NumField() {
			name := v.Type().Field(i).Tag.Get("koanf")
			child := yamlNode(effective(v.Field(i)), join(path, name), sources)
			key := &yaml.Node{Kind: yaml.ScalarNode, Value: name}
			if child.Kind == yaml.SequenceNode && len(child.Content) == 0 {
				child.LineComment = sources[join(path, name)].String()
			}
			node.Content = append(node.Content, key, child)
		}
	case reflect.Slice:
		node.Kind = yaml.SequenceNode
		for i := range v.Len() {
			node.Content = append(node.Content, yamlNode(v.Index(i), entry(path, i), sources))
		}
		if v.Len() == 0 {
			node.Style = yaml.FlowStyle
		}
	default:
		// Encode puts text in quotes that would be read as something else. It
		// fails on none of the kinds of values there are.
		_ = node.Encode(text(v, path))
		node.LineComment = sources[path].String()
	}
	return node
}

// plain is v as maps, lists and values that encoding/json writes.
func plain(v reflect.Value, path string) any {
	switch v.Kind() {
	case reflect.Struct:
		m := make(map[string]any, v.NumField())
		for i := range v.NumField() {
			name := v.Type().Field(i).Tag.Get("koanf")
			m[name] = plain(effective(v.Field(i)), join(path, name))
		}
		return m
	case reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = plain(v.Index(i), entry(path, i))
		}
		return list
	default:
		return text(v, path)
	}
}

// effective is what a field that may be left out has.
func effective(v reflect.Value) reflect.Value {
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		return v.Elem()
	}
	return v
}

// text is v, the value of a key, as text if it has a textual form.
func text(v reflect.Value, path string) any {
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		t, _ := m.MarshalText() // of Size and Duration: never fails
		return string(t)
	}
	switch path[len(parent(path)):] {
	case ".password":
		if v.String() != "" {
			return hidden
		}
	case ".uri", ".server", ".backup_server":
		return withoutPassword(v.String())
	}
	return v.Interface()
}
