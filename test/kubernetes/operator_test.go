package kubernetes

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/fluent/fluent-operator/v3/apis/fluentbit/v1alpha2"
	"github.com/fluent/fluent-operator/v3/apis/fluentbit/v1alpha2/plugins"
	"github.com/fluent/fluent-operator/v3/pkg/operator"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

var update = flag.Bool("update", false, "write testdata/operator.conf")

// TestOperator has fluent-operator's own code make Fluent Bit's configuration and its DaemonSet of our resources. test/examples runs the configuration.
func TestOperator(t *testing.T) {
	var (
		inputs  v1alpha2.ClusterInputList
		filters v1alpha2.ClusterFilterList
		outputs v1alpha2.ClusterOutputList
		config  v1alpha2.ClusterFluentBitConfig
		fb      v1alpha2.FluentBit
		marks   = map[string]map[string]string{} // the labels of what a selector is to find
	)
	for _, d := range documents(t, read(t, filepath.Join(examples, "operator.yaml"))) {
		switch d.kind {
		case "ClusterInput":
			inputs.Items = append(inputs.Items, v1alpha2.ClusterInput{})
			strict(t, d.text, &inputs.Items[0])
			marks[d.kind] = inputs.Items[0].Labels
		case "ClusterFilter":
			filters.Items = append(filters.Items, v1alpha2.ClusterFilter{})
			strict(t, d.text, &filters.Items[0])
			marks[d.kind] = filters.Items[0].Labels
		case "ClusterOutput":
			outputs.Items = append(outputs.Items, v1alpha2.ClusterOutput{})
			strict(t, d.text, &outputs.Items[0])
			marks[d.kind] = outputs.Items[0].Labels
		case "ClusterFluentBitConfig":
			strict(t, d.text, &config)
		case "FluentBit":
			strict(t, d.text, &fb)
		default:
			t.Fatalf("the kind %q is unknown here", d.kind)
		}
	}
	if len(inputs.Items) != 1 || len(filters.Items) != 1 || len(outputs.Items) != 1 || fb.Spec.FluentBitConfigName != config.Name {
		t.Fatalf("%d inputs, %d filters, %d outputs, configuration %q of %q",
			len(inputs.Items), len(filters.Items), len(outputs.Items), config.Name, fb.Spec.FluentBitConfigName)
	}
	for kind, selector := range map[string]metav1.LabelSelector{
		"ClusterInput": config.Spec.InputSelector, "ClusterFilter": config.Spec.FilterSelector, "ClusterOutput": config.Spec.OutputSelector,
	} {
		s, err := metav1.LabelSelectorAsSelector(&selector)
		if err != nil || s.Empty() || !s.Matches(labels.Set(marks[kind])) {
			t.Errorf("the selector of %s does not find it: %v (%v)", kind, s, err)
		}
	}
	text, err := config.RenderMainConfig(plugins.NewSecretLoader(nil, fb.Namespace), inputs, filters, outputs, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "operator.conf")
	if *update {
		if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := read(t, golden); text != string(want) {
		t.Errorf("the operator writes\n%s\nwant\n%s\nRun go test -update, and read it", text, want)
	}
	pod := operator.MakeDaemonSet(fb, "/var/lib/docker/containers").Spec.Template.Spec
	checkPod(t, pod)
	if !slices.Equal(pod.Containers[0].Args, []string{"-e", "/plugins/out_trigger.so"}) {
		t.Errorf("arguments %q", pod.Containers[0].Args)
	}
}
