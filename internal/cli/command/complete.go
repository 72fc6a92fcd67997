package command

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tinyforge/fluentbit-trigger/internal/lint"
)

// completeWithin bounds how long a running instance may take to list names: somebody waits behind the Tab key.
const completeWithin = time.Second

// Names completes the names of rules or triggers: those of the configuration that the command line or the environment names, else those of the running
// instance.
func Names(env *Env, kind string) cobra.CompletionFunc {
	return func(c *cobra.Command, _ []string, toComplete string) ([]string, cobra.ShellCompDirective) {
		var found []string
		for _, name := range names(env, c, kind) {
			if strings.HasPrefix(name, toComplete) {
				found = append(found, name)
			}
		}
		return found, cobra.ShellCompDirectiveNoFileComp
	}
}

// NamesOnce is Names for the first argument of a command, with no candidates for others.
func NamesOnce(env *Env, kind string) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return Names(env, kind)(c, args, toComplete)
	}
}

func names(env *Env, c *cobra.Command, kind string) (names []string) {
	var files []string
	if f := c.Flags().Lookup("config"); f != nil {
		if list, ok := f.Value.(pflag.SliceValue); ok {
			files = list.GetSlice()
		}
	}
	if text := env.Getenv(ConfigVariable); len(files) == 0 && text != "" {
		files = strings.Split(text, ",")
	}
	if len(files) == 0 {
		return namesOfInstance(env, c, kind)
	}
	for _, result := range lint.Load(files, nil) {
		s := &result.Settings
		if kind == TriggerKind.Noun {
			for i := range s.Triggers {
				names = append(names, s.Triggers[i].Name)
			}
			continue
		}
		for i := range s.Rules {
			names = append(names, s.Rules[i].Name)
		}
		for i := range s.Workloads {
			for j := range s.Workloads[i].Rules {
				names = append(names, s.Workloads[i].Rules[j].Name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// namesOfInstance returns the names that a running instance has, none where it does not answer: an error has no place in a completion.
func namesOfInstance(env *Env, c *cobra.Command, kind string) (names []string) {
	r := Remote{Timeout: completeWithin}
	for flag, to := range map[string]*string{"url": &r.URL, "token-file": &r.TokenFile, "ca-file": &r.CAFile, "instance": &r.Instance} {
		f := c.Flags().Lookup(flag)
		if f == nil {
			return nil // the command calls no instance
		}
		if *to = f.Value.String(); *to == "" && f.Annotations[annotationEnv] != nil {
			*to = env.Getenv(f.Annotations[annotationEnv][0])
		}
	}
	api, err := r.client(env)
	if err != nil {
		return nil
	}
	defer api.Close()
	k := Kind{Noun: kind, Path: "/api/v1/" + kind + "s"}
	items, err := List[struct {
		Name string `json:"name"`
	}](context.Background(), api, k)
	if err != nil {
		return nil
	}
	for _, item := range items {
		names = append(names, item.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
