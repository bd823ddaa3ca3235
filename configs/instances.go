package configs

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// Keys of a file that holds several instances, and of the entries of its list.
const (
	instancesKey = "instances"
	fileKey      = "config"
	metricsKey   = "metrics.address"
)

// Instance is the configuration of one instance among others.
type Instance struct {
	Config  Config
	Sources Sources
	// File is what was read for it. Empty: none, it is what a program or the
	// environment and flags say.
	File string
	// Entry is its key in the list `instances` of File, as in instances[2]. Empty: File
	// holds it alone.
	Entry string

	with company
}

// LoadAll reads the configurations of several instances that share a process:
// each of the files holds one as [Load] reads it, or a list `instances`. Without
// files there is one, of the environment and flags. in.File is not read.
//
// An entry of the list is a whole configuration, with `config` that of another
// file, and lies over the keys beside the list. What instances must not share is
// not taken from there: `name` and `listeners` have to be in each entry, one
// without `data_dir` gets a directory below the one beside the list, by its name,
// and one without `metrics.address` has none.
//
// Variables and flags lie over each of the instances. Those that only one can
// have (name, data directory, listeners, address of the metrics, entries of lists) are an error if there
// are several.
//
// An error is [Problems] with all that is wrong with any of them, and with what
// two of them both want: see [Conflicts]. What comes with it is not to be used for
// more than to say what was read, unless it is [OfFiles].
func LoadAll(files []string, in Inputs) ([]Instance, error) {
	return in.loadAll(files, func(*Instance, Problems) bool { return false })
}

// LoadToStart is LoadAll for who starts them: of several instances, what is wrong
// in files that one names ([OfFiles]) is left to its start, if its
// supervision.on_failure says what is to become of it alone.
func LoadToStart(files []string, in Inputs) ([]Instance, error) {
	return in.loadAll(files, func(i *Instance, wrong Problems) bool {
		return i.with == several && i.Config.Supervision.Isolated() && OfFiles(wrong)
	})
}

// loadAll leaves out what is wrong with an instance and is for later.
func (in *Inputs) loadAll(files []string, later func(*Instance, Problems) bool) ([]Instance, error) {
	drafts, problems := draftsOf(files)
	with := alone
	if len(files) > 1 || len(drafts) > 0 && drafts[0].entry != "" {
		with = several
	}
	return instancesOf(drafts, problems, in.layersFor(with), with, later)
}

// LoadMore is LoadAll for instances that join others which run: variables and
// flags that only one can have are those of somebody else.
func LoadMore(files []string, in Inputs) ([]Instance, error) {
	drafts, problems := draftsOf(files)
	return instancesOf(drafts, problems, in.layersFor(joined), joined, func(*Instance, Problems) bool { return false })
}

func instancesOf(drafts []*draft, problems Problems, on []*layer, with company, later func(*Instance, Problems) bool) ([]Instance, error) {
	var all []Instance
	for _, d := range drafts {
		i, wrong := d.instance(on, with)
		if all = append(all, i); !later(&i, wrong) {
			problems = append(problems, wrong...)
		}
	}
	problems = append(problems, Conflicts(all)...)
	return all, distinct(problems).err()
}

// company is what others an instance was read with.
type company uint8

const (
	alone   company = iota
	several         // what only one can have is refused in the environment and flags
	joined          // it is for another
)

// layersFor are the environment and flags, for an instance in such company.
func (in *Inputs) layersFor(with company) []*layer {
	layers := in.layers()
	if with != alone {
		for _, l := range layers {
			l.leaveToOne(with == several)
		}
	}
	return layers
}

// Again reads i once more, from where it was read before: of a list the entry
// with its name. It is not compared with others.
func (i Instance) Again(in Inputs) (Instance, error) {
	var files []string
	if i.File != "" {
		files = []string{i.File}
	}
	drafts, problems := draftsOf(files)
	on := in.layersFor(i.with)
	for _, d := range drafts {
		same := d.name() == i.Config.Name || d.name() == "" && d.entry == i.Entry // what is wrong with it will be told
		if (d.entry == "") != (i.Entry == "") || i.Entry != "" && !same {
			continue
		}
		again, wrong := d.instance(on, i.with)
		if err := distinct(append(problems, wrong...)).err(); err != nil {
			return Instance{}, err
		}
		return again, nil
	}
	if problems == nil || i.Entry == "" && len(drafts) > 0 {
		text := "holds no instance named " + i.Config.Name + " any more"
		if i.Entry == "" {
			text = "holds a list of instances now, and held one"
		}
		problems = Problems{{Source: Source{Kind: KindFile, Name: i.File}, Key: instancesKey, Text: text}}
	}
	return Instance{}, problems
}

// draft is an instance before its values are read.
type draft struct {
	file   string
	entry  string // of the list, empty: there is none
	at     Source // of the entry
	shared *layer // what is beside the list
	own    []*layer
	unread bool // not all of them could be read
}

// draftsOf opens the files, and tells what cannot be read of them. Without files
// there is one draft of nothing.
func draftsOf(files []string) (drafts []*draft, problems Problems) {
	if len(files) == 0 {
		return []*draft{{}}, nil
	}
	for _, file := range files {
		l, err := fileLayer(file)
		if err != nil {
			problems = append(problems, err.(Problems)...)
			continue
		}
		list, ok := l.raw[instancesKey]
		if !ok {
			drafts = append(drafts, &draft{file: file, own: []*layer{l}})
			continue
		}
		entries, wrong := l.entries(list)
		for _, d := range entries {
			d.file = file
		}
		drafts, problems = append(drafts, entries...), append(problems, wrong...)
	}
	return drafts, problems
}

// entries takes apart a file with a list of instances.
func (l *layer) entries(list any) (drafts []*draft, problems Problems) {
	items, ok := list.([]any)
	if !ok || len(items) == 0 {
		text := "the list is empty; write at least one entry"
		if !ok {
			text = describe(list) + " is not a list with at least one entry"
		}
		return nil, Problems{{Key: instancesKey, Source: l.place(instancesKey), Text: text + "; each is a whole configuration, or names its file with " + fileKey}}
	}
	shared := &layer{raw: maps.Clone(l.raw), places: l.places, whole: l.whole}
	delete(shared.raw, instancesKey)
	for _, key := range []string{"name", "listeners"} {
		if _, ok := shared.raw[key]; ok {
			shared.wrong = append(shared.wrong, &Problem{Key: key, Source: l.place(key), Text: "is beside instances, and no two can share it; write it in the entries"})
			delete(shared.raw, key)
		}
	}
	if address := valueAt(shared.raw, metricsKey); address != nil && address != "" {
		shared.wrong = append(shared.wrong, &Problem{Key: metricsKey, Source: l.place(metricsKey), Text: "is beside instances, and no two can share it; write it in the entries"})
		shared.raw = without(shared.raw, metricsKey)
	}
	for n, item := range items {
		key := entry(instancesKey, n)
		m, ok := asMap(item)
		if !ok || item == nil {
			problems = append(problems, &Problem{Key: key, Source: l.place(key), Text: describe(item) + " is not an entry; it is a whole configuration, or names its file with " + fileKey})
			continue
		}
		d := &draft{entry: key, at: l.place(key), shared: shared}
		own := &layer{raw: maps.Clone(m), places: l.below(key), whole: d.at, in: key}
		if named, ok := own.raw[fileKey]; ok {
			delete(own.raw, fileKey)
			file, wrong := l.named(join(key, fileKey), named)
			if wrong == nil {
				d.own = append(d.own, file)
			}
			problems, d.unread = append(problems, wrong...), wrong != nil
		}
		d.own = append(d.own, own)
		drafts = append(drafts, d)
	}
	return drafts, problems
}

// below are the places of what an entry holds, by paths in the entry.
func (l *layer) below(key string) map[string]Source {
	places := make(map[string]Source)
	for path, at := range l.places {
		if rest, ok := strings.CutPrefix(path, key+"."); ok {
			places[rest] = at
		}
	}
	return places
}

// named opens the file that an entry names; a relative path starts at the
// directory of the file that it is written in.
func (l *layer) named(key string, value any) (*layer, Problems) {
	name, ok := value.(string)
	if !ok || name == "" {
		return nil, Problems{{Key: key, Source: l.place(key), Text: describe(value) + " is not the path of a file"}}
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(l.whole.Name), name)
	}
	file, err := fileLayer(name)
	if err != nil {
		return nil, err.(Problems)
	}
	if _, list := file.raw[instancesKey]; list {
		return nil, Problems{{Key: instancesKey, Source: file.place(instancesKey), Text: "is not allowed in a file that an entry of instances names; such a file holds one instance"}}
	}
	return file, nil
}

// name is what the draft says it is called, empty if it does not.
func (d *draft) name() string {
	for _, l := range slices.Backward(d.own) {
		if name, ok := l.raw["name"].(string); ok {
			return name
		}
	}
	return ""
}

// instance reads the draft, with the environment and flags on top.
func (d *draft) instance(on []*layer, with company) (Instance, Problems) {
	s := newStack()
	if d.entry != "" {
		s.add(d.shared)
	}
	for _, l := range d.own {
		s.add(l)
	}
	if d.entry != "" && !d.unread {
		s.separate(d)
	}
	for _, l := range on {
		s.add(l)
	}
	if d.unread {
		return Instance{}, d.placed(s, s.problems)
	}
	c, problems := s.config()
	problems = d.placed(s, problems)
	return Instance{Config: c, Sources: s.sources, File: d.file, Entry: d.entry, with: with}, problems
}

// separate sees to what an entry of a list must not share with the others.
func (s *stack) separate(d *draft) {
	has := func(key string) bool {
		return slices.ContainsFunc(d.own, func(l *layer) bool { _, ok := l.raw[key]; return ok })
	}
	missing := func(key, text string) {
		s.problems = append(s.problems, &Problem{Key: key, in: d.entry, Source: d.at, Text: "missing; " + text})
	}
	name, dir := d.name(), s.k.String("data_dir")
	apart := map[string]any{}
	if !has("name") {
		missing("name", "each instance needs a name of its own")
		apart["name"] = "" // that of all is none
	}
	if !has("data_dir") && dir != "" {
		if apart["data_dir"] = filepath.Join(dir, name); strings.Trim(name, ".") == "" {
			apart["data_dir"] = ""
		}
		if has("name") && apart["data_dir"] == "" {
			missing("data_dir", "a directory cannot have the name of the instance")
		}
	}
	if !has("listeners") {
		missing("listeners", "write where Clients of this instance connect, or [] if only bridges of other instances do")
		apart["listeners"] = []any{}
	}
	s.set(d.at, apart)
}

// placed gives the problems of an entry the keys that they have in the file.
func (d *draft) placed(s *stack, problems Problems) Problems {
	if d.entry == "" {
		return problems
	}
	for _, p := range problems {
		if slices.Contains(d.shared.wrong, p) {
			continue // it is about what is beside the entries
		}
		if p.in == "" && p.Source.Kind == KindDefault {
			p.Source, p.in = d.at, d.entry
		}
		for _, l := range slices.Backward(s.layers) {
			if p.in == "" && (valueAt(l.raw, p.Key) != nil || p.blame != "" && valueAt(l.raw, p.blame) != nil) {
				p.in = l.in
				break
			}
		}
		if p.in != "" {
			p.Key, p.in = join(p.in, p.Key), ""
		}
	}
	return problems
}

// leaveToOne takes out of the environment or flags what only one instance can
// have, and refuses it or not.
func (l *layer) leaveToOne(refuse bool) {
	for _, path := range slices.Sorted(maps.Keys(l.places)) {
		top, _, entry := strings.Cut(path, "[")
		if !entry && !slices.Contains([]string{"name", "data_dir", "listeners", metricsKey}, path) {
			continue
		}
		if refuse {
			l.wrong = append(l.wrong, &Problem{Source: l.places[path], Text: path + " is that of one instance, and there are several; write it in their files"})
		}
		l.raw = without(l.raw, top)
	}
}

// without are values but the one at a path of sections. The values themselves stay as they are.
func without(values map[string]any, path string) map[string]any {
	name, below, more := strings.Cut(path, ".")
	values = maps.Clone(values)
	if !more {
		delete(values, name)
	} else if section, ok := asMap(values[name]); ok {
		values[name] = without(section, below)
	}
	return values
}

// distinct leaves out what was found once for each of several instances.
func distinct(problems Problems) Problems {
	seen := make(map[string]bool, len(problems))
	return slices.DeleteFunc(problems, func(p *Problem) bool {
		line := p.Error()
		again := seen[line]
		seen[line] = true
		return again
	})
}
