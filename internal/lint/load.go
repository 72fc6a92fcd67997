package lint

import (
	"os"

	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/fluentbitconf"
)

// Load reads the configurations that Files checks: the TOML files, folders and globs among the entries as one, and each output of this plugin in a
// configuration of Fluent Bit as one. Problems have their place in the file that they are in. A configuration of Fluent Bit without such an
// output is a problem. lookupEnv is where the variables of those come from; nil: the environment.
func Load(entries []string, lookupEnv func(string) (string, bool)) []*config.Result {
	if lookupEnv == nil {
		lookupEnv = os.LookupEnv
	}
	var toml []string
	var results []*config.Result
	for _, e := range entries {
		if !fluentbitconf.IsYAML(e) && !fluentbitconf.IsClassic(e) {
			toml = append(toml, e)
			continue
		}
		results = append(results, loadFluentBit(e, lookupEnv)...)
	}
	if len(toml) > 0 || len(results) == 0 {
		results = append([]*config.Result{config.Load(config.Sources{Files: toml})}, results...)
	}
	return results
}

func loadFluentBit(path string, lookupEnv func(string) (string, bool)) (results []*config.Result) {
	conf := fluentbitconf.Read(path, lookupEnv)
	faults := &config.Result{Files: conf.Files}
	for _, p := range conf.Problems {
		faults.Problems = append(faults.Problems, config.Problem{
			Place: config.Place{Origin: config.FileOrigin(p.Place.File), Line: p.Place.Line, Column: p.Place.Column}, Message: p.Message, Hint: p.Hint, Unusable: p.Unusable,
		})
	}
	for i := range conf.Sections {
		s := &conf.Sections[i]
		if !isOutput(s) {
			continue
		}
		result, _, _ := loadOutput(s, false)
		for i := range result.Problems {
			p := &result.Problems[i]
			f := problem(p)
			locate(&f, s)
			p.Place, p.Path = config.Place{Origin: config.FileOrigin(f.File), Line: f.Line, Column: f.Column}, f.Path
		}
		results = append(results, result)
	}
	if len(results) == 0 && len(faults.Problems) == 0 {
		faults.Problems = append(faults.Problems, config.Problem{Place: config.Place{Origin: config.FileOrigin(path)}, Unusable: true, Message: "has no output whose name is " + pluginName})
	}
	if len(faults.Problems) > 0 {
		results = append([]*config.Result{faults}, results...)
	}
	return results
}
