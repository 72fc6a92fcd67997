package kubernetes

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// TestChart renders the chart with our values, as "helm template" does.
func TestChart(t *testing.T) {
	folder := os.Getenv("FLUENTBIT_TRIGGER_CHART")
	if folder == "" {
		t.Skip("FLUENTBIT_TRIGGER_CHART names no folder of the chart fluent/fluent-bit: the values were not rendered")
	}
	chart, err := loader.Load(folder)
	if err != nil {
		t.Fatal(err)
	}
	values, err := chartutil.ReadValuesFile(filepath.Join(examples, "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for key := range values {
		if _, ok := chart.Values[key]; !ok {
			t.Errorf("the chart has no value %s", key)
		}
	}
	rendered, err := chartutil.ToRenderValues(chart, values, chartutil.ReleaseOptions{Name: "fluent-bit", Namespace: "fluentbit-trigger", IsInstall: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	files, err := engine.Render(chart, rendered)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]any{}
	for name, text := range files {
		if filepath.Ext(name) != ".yaml" {
			continue
		}
		for kind, value := range decoded(t, []byte(text)) {
			all[kind] = value
		}
	}
	set, _ := all["DaemonSet"].(*appsv1.DaemonSet)
	config, _ := all["ConfigMap"].(*corev1.ConfigMap)
	service, _ := all["Service"].(*corev1.Service)
	if set == nil || config == nil || service == nil {
		t.Fatalf("the chart made %v", all)
	}
	pod := set.Spec.Template.Spec
	checkPod(t, pod)
	if set.Name != "fluent-bit" || set.Spec.Template.Labels["app.kubernetes.io/name"] != "fluent-bit" {
		t.Errorf("the set is %s with the labels %v, which our network policy does not select", set.Name, set.Spec.Template.Labels)
	}
	if !slices.Contains(pod.Containers[0].Args, "--plugin=/plugins/out_trigger.so") || pod.TerminationGracePeriodSeconds == nil || *pod.TerminationGracePeriodSeconds != 15 {
		t.Errorf("arguments %q, grace %v", pod.Containers[0].Args, pod.TerminationGracePeriodSeconds)
	}
	if set.Spec.UpdateStrategy.RollingUpdate == nil || set.Spec.UpdateStrategy.RollingUpdate.MaxUnavailable.StrVal != "10%" {
		t.Errorf("updates: %+v", set.Spec.UpdateStrategy)
	}
	if len(service.Spec.Ports) != 1 || service.Spec.Ports[0].Port != 2021 {
		t.Errorf("the service has the ports %v", service.Spec.Ports)
	}
	// Nothing of the configuration is lost between the values and the file, and nothing of the chart's own outputs is left in it.
	sections, err := values.Table("config")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, key := range []string{"service", "inputs", "filters", "outputs"} {
		text, _ := sections[key].(string)
		want = append(want, strings.Fields(text)...)
	}
	if got := strings.Fields(config.Data["fluent-bit.conf"]); !slices.Equal(got, want) {
		t.Errorf("the configuration is\n%s\nwant the words\n%q", config.Data["fluent-bit.conf"], want)
	}
}
