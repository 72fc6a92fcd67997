package command

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// The annotations of flags.
const (
	annotationEnv      = "env"      // the variable that is used where the flag is not given
	annotationRequired = "required" // the flag or its variable must be given
	annotationFile     = "file"     // the value is a file
)

// Flags adds flags to a command.
type Flags struct {
	env *Env
	c   *cobra.Command
}

// FlagsOf returns the flags of a command.
func FlagsOf(env *Env, c *cobra.Command) *Flags { return &Flags{env, c} }

// Flag is one flag, for the properties that few have.
type Flag struct {
	flags *Flags
	f     *pflag.Flag
}

func (f *Flags) add(v pflag.Value, name, short, usage string) *Flag {
	return &Flag{f, f.c.Flags().VarPF(v, name, short, usage)}
}

// Text adds a flag that is a text. placeholder names its value in the help.
func (f *Flags) Text(p *string, name, short, placeholder, usage string) *Flag {
	return f.add(&value{kind: placeholder, text: func() string { return *p }, set: func(s string) error { *p = s; return nil }}, name, short, usage)
}

// Texts adds a flag that may be repeated.
func (f *Flags) Texts(p *[]string, name, short, placeholder, usage string) *Flag {
	return f.add(listOf(p, placeholder, func(s string) ([]string, error) { return []string{s}, nil }), name, short, usage)
}

// List adds a flag that may be repeated, and holds several values between commas.
func (f *Flags) List(p *[]string, name, short, placeholder, usage string) *Flag {
	return f.add(listOf(p, placeholder, func(s string) ([]string, error) { return strings.Split(s, ","), nil }), name, short, usage)
}

// Choices adds a List of known words.
func (f *Flags) Choices(p *[]string, name, short, placeholder string, words []string, usage string) *Flag {
	flag := f.add(listOf(p, placeholder, func(s string) ([]string, error) {
		all := strings.Split(s, ",")
		for _, one := range all {
			if err := oneOf(one, words); err != nil {
				return nil, err
			}
		}
		return all, nil
	}), name, short, usage)
	return flag.Complete(cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

// Choice adds a flag that is one of known words; *p holds the default.
func (f *Flags) Choice(p *string, name, short string, words []string, usage string) *Flag {
	flag := f.add(&value{kind: strings.Join(words, "|"), text: func() string { return *p }, set: func(s string) error {
		if err := oneOf(s, words); err != nil {
			return err
		}
		*p = s
		return nil
	}}, name, short, usage)
	return flag.Complete(cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

func oneOf(text string, words []string) error {
	if slices.Contains(words, text) {
		return nil
	}
	err := fmt.Errorf("must be one of %s", strings.Join(words, ", "))
	if hint := setting.DidYouMean(text, words); hint != "" {
		err = fmt.Errorf("%w; %s", err, hint)
	}
	return err
}

// Output adds -o, which is text or json.
func (f *Flags) Output(p *string, usage string) {
	*p = "text"
	f.Choice(p, "output", "o", []string{"text", "json"}, usage)
}

// Number adds a flag that is a whole number; *p holds the default.
func (f *Flags) Number(p *int, name, short, placeholder, usage string) *Flag {
	return f.add(&value{kind: placeholder, text: func() string { return strconv.Itoa(*p) }, set: func(s string) error {
		n, err := strconv.Atoi(s)
		if err != nil {
			return errors.New("must be a whole number")
		}
		*p = n
		return nil
	}}, name, short, usage)
}

// Duration adds a flag that is a duration as in the configuration; *p holds the default.
func (f *Flags) Duration(p *time.Duration, name, short, usage string) *Flag {
	return f.add(&value{kind: "DURATION", text: func() string {
		if *p == 0 {
			return ""
		}
		return setting.FormatDuration(*p)
	}, set: func(s string) error {
		d, err := setting.ParseDuration(s)
		if err == nil {
			*p = d
		}
		return err
	}}, name, short, usage)
}

// Switch adds a flag without a value.
func (f *Flags) Switch(p *bool, name, short, usage string) {
	f.c.Flags().BoolVarP(p, name, short, false, usage)
}

// Env names the variable that is used where the flag is not given.
func (f *Flag) Env(variable string) *Flag {
	f.annotate(annotationEnv, variable)
	f.f.Usage += " [$" + variable + "]"
	return f
}

// Required lets the command fail where neither the flag nor its variable is given.
func (f *Flag) Required() *Flag {
	f.annotate(annotationRequired, "")
	return f
}

// File lets the value be completed as a file.
func (f *Flag) File() *Flag {
	f.annotate(annotationFile, "")
	return f
}

// Complete lets the value be completed by a function.
func (f *Flag) Complete(by cobra.CompletionFunc) *Flag {
	_ = f.flags.c.RegisterFlagCompletionFunc(f.f.Name, by) // the flag exists, and has no other
	return f
}

// Names lets the value be completed by the names of rules or triggers.
func (f *Flag) Names(kind string) *Flag { return f.Complete(Names(f.flags.env, kind)) }

func (f *Flag) annotate(key, text string) {
	if f.f.Annotations == nil {
		f.f.Annotations = map[string][]string{}
	}
	f.f.Annotations[key] = []string{text}
}

// Finish completes the definition of a tree of commands: nothing is completed as a file but what is one, and faults of flags get our wording.
func Finish(env *Env, c *cobra.Command) {
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if _, by := c.GetFlagCompletionFunc(f.Name); !by && f.Annotations[annotationFile] == nil && f.NoOptDefVal == "" {
			_ = c.RegisterFlagCompletionFunc(f.Name, cobra.NoFileCompletions) // the flag exists, and has no other
		}
	})
	c.Flags().SortFlags = false
	c.InitDefaultHelpFlag()
	c.Flags().Lookup("help").Usage = "Show this help."
	if c.Version != "" {
		c.InitDefaultVersionFlag()
		c.Flags().Lookup("version").Usage = "Print the version."
	}
	c.SetFlagErrorFunc(flagError)
	c.PreRunE = func(c *cobra.Command, _ []string) error { return fromEnvironment(env, c) }
	for _, sub := range c.Commands() {
		Finish(env, sub)
	}
}

// fromEnvironment sets the flags that are not given to the values of their variables, and fails where a required one is missing.
func fromEnvironment(env *Env, c *cobra.Command) (err error) {
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if err != nil || f.Changed {
			return
		}
		variable := ""
		if named := f.Annotations[annotationEnv]; named != nil {
			variable = named[0]
			if text := env.Getenv(variable); text != "" {
				if err = f.Value.Set(text); err != nil {
					err = fmt.Errorf("%s: %q: %w", variable, text, err)
				}
				f.Changed = true
				return
			}
		}
		if f.Annotations[annotationRequired] != nil {
			text := fmt.Sprintf("missing --%s %s", f.Name, f.Value.Type())
			if variable != "" {
				text += " or $" + variable
			}
			err = &UsageError{text}
		}
	})
	return err
}

// flagError words the faults of flags. Behind a misspelled command, the flags are not those that are at fault.
func flagError(c *cobra.Command, err error) error {
	if args := c.Flags().Args(); c.HasAvailableSubCommands() && len(args) > 0 {
		return unknownCommand(c, args)
	}
	var unknown *pflag.NotExistError
	var bad *pflag.InvalidValueError
	var missing *pflag.ValueRequiredError
	switch {
	case errors.As(err, &unknown):
		name := "--" + unknown.GetSpecifiedName()
		if unknown.GetSpecifiedShortnames() != "" {
			return &UsageError{fmt.Sprintf("unknown flag -%s", unknown.GetSpecifiedName())}
		}
		var known []string
		c.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, "--"+f.Name) })
		if near := setting.Nearest(name, known); near != "" {
			return &UsageError{fmt.Sprintf("unknown flag %s, did you mean %s?", name, near)}
		}
		return &UsageError{"unknown flag " + name}
	case errors.As(err, &bad):
		return fmt.Errorf("--%s: %q: %w", bad.GetFlag().Name, bad.GetValue(), errors.Unwrap(bad))
	case errors.As(err, &missing):
		return &UsageError{fmt.Sprintf("--%s needs a value: %s", missing.GetFlag().Name, missing.GetFlag().Value.Type())}
	}
	return &UsageError{err.Error()}
}

// value is a flag of any kind. Its type is the word that the help shows in the place of a value.
type value struct {
	kind string
	text func() string
	set  func(string) error
}

var _ pflag.Value = (*value)(nil)

func (v *value) String() string {
	if v.text == nil { // pflag asks a zero value whether a default is one
		return ""
	}
	return v.text()
}
func (v *value) Set(s string) error { return v.set(s) }
func (v *value) Type() string       { return v.kind }

// list is a flag that may be repeated.
type list struct {
	value
	p *[]string
}

var _ pflag.SliceValue = (*list)(nil)

// listOf returns a list whose first value replaces the default.
func listOf(p *[]string, placeholder string, split func(string) ([]string, error)) *list {
	return &list{value{kind: placeholder, text: func() string { return strings.Join(*p, ",") }, set: func(s string) error {
		parts, err := split(s)
		if err == nil {
			*p = append(*p, parts...)
		}
		return err
	}}, p}
}

func (l *list) Append(s string) error      { return l.set(s) }
func (l *list) Replace(all []string) error { *l.p = all; return nil }
func (l *list) GetSlice() []string         { return *l.p }
