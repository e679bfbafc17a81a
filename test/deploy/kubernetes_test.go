package deploy

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	disruption "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation"
	admission "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// cluster is what `kubectl apply -k deploy/kubernetes` would make.
type cluster struct {
	pods     []pod
	policies []*networking.NetworkPolicy
	budgets  []*disruption.PodDisruptionBudget
	scalers  []*autoscaling.HorizontalPodAutoscaler
	services map[string]*core.Service
	ingress  []*networking.Ingress
	deployed map[string]*apps.Deployment
	made     map[string]bool // "Kind name" of all there is
}

// pod is a workload's pod, and the workload's name.
type pod struct {
	of   string
	meta meta.ObjectMeta
	spec core.PodSpec
}

// apply builds the kustomization as kustomize does, and reads each object as the API server does: an unknown or doubled field is an error.
func apply(t *testing.T) *cluster {
	t.Helper()
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder+"kubernetes")
	if err != nil {
		t.Fatal(err)
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{core.AddToScheme, apps.AddToScheme, autoscaling.AddToScheme, batch.AddToScheme,
		networking.AddToScheme, disruption.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	c := &cluster{services: map[string]*core.Service{}, deployed: map[string]*apps.Deployment{}, made: map[string]bool{}}
	for _, resource := range built.Resources() {
		text, err := resource.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		object, kind, err := decoder.Decode(text, nil, nil)
		if err != nil {
			t.Errorf("%s: %v", resource.CurId(), err)
			continue
		}
		name := resource.GetName()
		if problems := validation.IsDNS1123Label(name); len(problems) > 0 {
			t.Errorf("%s %s: %v", kind.Kind, name, problems)
		}
		if resource.GetNamespace() != "takhojd" && kind.Kind != "Namespace" {
			t.Errorf("%s %s is in the namespace %q", kind.Kind, name, resource.GetNamespace())
		}
		c.made[kind.Kind+" "+name] = true
		c.add(object)
	}
	return c
}

func (c *cluster) add(object runtime.Object) {
	switch o := object.(type) {
	case *apps.Deployment:
		c.pods = append(c.pods, pod{o.Name, o.Spec.Template.ObjectMeta, o.Spec.Template.Spec})
		c.deployed[o.Name] = o
	case *batch.CronJob:
		template := o.Spec.JobTemplate.Spec.Template
		c.pods = append(c.pods, pod{o.Name, template.ObjectMeta, template.Spec})
	case *core.Service:
		c.services[o.Name] = o
	case *networking.NetworkPolicy:
		c.policies = append(c.policies, o)
	case *networking.Ingress:
		c.ingress = append(c.ingress, o)
	case *disruption.PodDisruptionBudget:
		c.budgets = append(c.budgets, o)
	case *autoscaling.HorizontalPodAutoscaler:
		c.scalers = append(c.scalers, o)
	}
}

// Pod Security Admission itself, at its strictest.
func TestPodsAreRestricted(t *testing.T) {
	checks, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range apply(t).pods {
		level := admission.LevelVersion{Level: admission.LevelRestricted, Version: admission.LatestVersion()}
		if r := policy.AggregateCheckResults(checks.EvaluatePod(level, &p.meta, &p.spec)); !r.Allowed {
			t.Errorf("%s: %s: %s", p.of, r.ForbiddenReason(), r.ForbiddenDetail())
		}
		for _, c := range p.spec.Containers {
			if s := c.SecurityContext; s == nil || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem {
				t.Errorf("%s: its root can be written to", p.of)
			}
			if c.Resources.Requests.Memory().IsZero() || c.Resources.Requests.Cpu().IsZero() || c.Resources.Limits.Memory().IsZero() {
				t.Errorf("%s does not say what it needs", p.of)
			}
			if !strings.Contains(c.Image, ":") || strings.HasSuffix(c.Image, ":latest") {
				t.Errorf("%s runs %s, which may be another tomorrow", p.of, c.Image)
			}
		}
		if p.spec.AutomountServiceAccountToken == nil || *p.spec.AutomountServiceAccountToken {
			t.Errorf("%s is given a key to the cluster", p.of)
		}
	}
}

// byHand are the secrets that kustomization.yaml tells how to make.
var byHand = []string{"takhojd", "takhojd-key"}

func TestWhatPodsReferToIsThere(t *testing.T) {
	c := apply(t)
	for _, p := range c.pods {
		volumes := map[string]bool{}
		for _, v := range p.spec.Volumes {
			volumes[v.Name] = true
			switch {
			case v.ConfigMap != nil && !c.made["ConfigMap "+v.ConfigMap.Name]:
				t.Errorf("%s: there is no ConfigMap %s", p.of, v.ConfigMap.Name)
			case v.Secret != nil && !slices.Contains(byHand, v.Secret.SecretName):
				t.Errorf("%s: nobody makes the secret %s", p.of, v.Secret.SecretName)
			case v.Secret != nil && (v.Secret.DefaultMode == nil || *v.Secret.DefaultMode&0o037 != 0):
				t.Errorf("%s: the secret %s can be read by others", p.of, v.Secret.SecretName)
			case v.PersistentVolumeClaim != nil && !c.made["PersistentVolumeClaim "+v.PersistentVolumeClaim.ClaimName]:
				t.Errorf("%s: there is no claim %s", p.of, v.PersistentVolumeClaim.ClaimName)
			}
		}
		if !c.made["ServiceAccount "+p.spec.ServiceAccountName] {
			t.Errorf("%s: there is no account %s", p.of, p.spec.ServiceAccountName)
		}
		mounted := map[string]bool{}
		for _, m := range p.spec.Containers[0].VolumeMounts {
			mounted[m.MountPath] = true
			if !volumes[m.Name] {
				t.Errorf("%s: there is no volume %s", p.of, m.Name)
			}
		}
		for _, path := range []string{"/etc/takhojd", "/run/secrets/takhojd", "/var/lib/takhojd/log.key", "/tmp"} {
			if !mounted[path] {
				t.Errorf("%s has nothing at %s", p.of, path)
			}
		}
		if p.spec.SecurityContext.FSGroup == nil {
			t.Errorf("%s cannot read its secrets", p.of)
		}
	}
	for _, i := range c.ingress {
		for _, path := range i.Spec.Rules[0].HTTP.Paths {
			if s := c.services[path.Backend.Service.Name]; s == nil || !slices.ContainsFunc(s.Spec.Ports, func(p core.ServicePort) bool { return p.Name == path.Backend.Service.Port.Name }) {
				t.Errorf("%s leads nowhere", path.Path)
			}
		}
	}
	for _, s := range c.services {
		to := c.chosen(t, &meta.LabelSelector{MatchLabels: s.Spec.Selector})
		if len(to) != 1 || !slices.ContainsFunc(to[0].spec.Containers[0].Ports, func(p core.ContainerPort) bool { return p.Name == s.Spec.Ports[0].TargetPort.StrVal }) {
			t.Errorf("the service %s leads to %d workloads, or to a port that is not there", s.Name, len(to))
		}
	}
}

// chosen are the workloads that a selector chooses.
func (c *cluster) chosen(t *testing.T, selector *meta.LabelSelector) (found []pod) {
	t.Helper()
	s, err := meta.LabelSelectorAsSelector(selector)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range c.pods {
		if s.Matches(labels.Set(p.meta.Labels)) {
			found = append(found, p)
		}
	}
	return found
}

// No role stands alone, and none goes away as a whole when machines are emptied.
func TestEachRoleOutlivesAPod(t *testing.T) {
	c := apply(t)
	for name, d := range c.deployed {
		if chosen := c.chosen(t, d.Spec.Selector); len(chosen) != 1 || chosen[0].of != name {
			t.Errorf("%s does not choose its own pods alone", name)
		}
		atLeast := int32(1)
		if d.Spec.Replicas != nil {
			atLeast = *d.Spec.Replicas
		}
		for _, s := range c.scalers {
			if s.Spec.ScaleTargetRef.Name == name {
				if atLeast = *s.Spec.MinReplicas; d.Spec.Replicas != nil {
					t.Errorf("%s: every apply would undo what the scaler did", name)
				}
			}
		}
		if atLeast < 2 {
			t.Errorf("%s may be one alone", name)
		}
		if u := d.Spec.Strategy.RollingUpdate; u == nil || u.MaxUnavailable.IntValue() != 0 {
			t.Errorf("%s has fewer than it needs while it is changed", name)
		}
		if !slices.ContainsFunc(c.budgets, func(b *disruption.PodDisruptionBudget) bool {
			chosen := c.chosen(t, b.Spec.Selector)
			return len(chosen) == 1 && chosen[0].of == name && b.Spec.MinAvailable.IntVal >= 1 && b.Spec.MinAvailable.IntVal < atLeast
		}) {
			t.Errorf("%s has no budget, or one that lets no machine be emptied", name)
		}
		probes(t, name, d.Spec.Template.Spec)
		spread := map[string]bool{}
		for _, s := range d.Spec.Template.Spec.TopologySpreadConstraints {
			if chosen := c.chosen(t, s.LabelSelector); len(chosen) == 1 && chosen[0].of == name {
				spread[s.TopologyKey] = true
			}
		}
		if !spread["kubernetes.io/hostname"] || !spread["topology.kubernetes.io/zone"] {
			t.Errorf("%s may stand on one machine, or in one zone", name)
		}
	}
	for _, s := range c.scalers {
		if c.deployed[s.Spec.ScaleTargetRef.Name] == nil {
			t.Errorf("%s scales %s, which is not there", s.Name, s.Spec.ScaleTargetRef.Name)
		}
	}
}

func probes(t *testing.T, name string, spec core.PodSpec) {
	t.Helper()
	c := spec.Containers[0]
	for what, want := range map[*core.Probe]string{c.LivenessProbe: "/healthz", c.ReadinessProbe: "/readyz", c.StartupProbe: "/readyz"} {
		if what == nil || what.HTTPGet == nil || what.HTTPGet.Path != want || what.HTTPGet.Port.StrVal != "operations" {
			t.Errorf("%s: a probe is not %s at operations", name, want)
		}
	}
	if *spec.TerminationGracePeriodSeconds < c.Lifecycle.PreStop.Sleep.Seconds+20 {
		t.Errorf("%s is killed before it has drained, which may take 20 s", name)
	}
	if !slices.Equal(c.Args[:3], []string{"serve", "--role", name}) {
		t.Errorf("%s runs as %v", name, c.Args)
	}
}

// Who may speak with whom, by the policies' own meaning: what no policy allows is refused.
func TestNetwork(t *testing.T) {
	c := apply(t)
	ns := func(name string) peer { return peer{namespace: map[string]string{"kubernetes.io/metadata.name": name}} }
	at := func(address string) peer { return peer{address: netip.MustParseAddr(address)} }
	dns := ns("kube-system")
	dns.pod = map[string]string{"k8s-app": "kube-dns"}
	const world, cloud, inside = "157.240.0.35", "169.254.169.254", "10.1.2.3"
	all, none := "ingest work console backup", ""
	for _, want := range []struct {
		what string
		out  bool
		with peer
		port int32
		who  string
	}{
		{"the platforms", true, at(world), 443, "work"},
		{"the platforms by IPv6", true, at("2a03:2880::1"), 443, "work"},
		{"the world, unencrypted", true, at(world), 80, none},
		{"the cloud's metadata", true, at(cloud), 443, none},
		{"the authority's own network", true, at(inside), 443, none},
		{"a private address by IPv6", true, at("fd00::1"), 443, none},
		{"PostgreSQL", true, ns("databases"), 5432, all},
		{"Redis", true, ns("databases"), 6379, all},
		{"ssh at the database", true, ns("databases"), 22, none},
		{"names", true, dns, 53, all},
		{"another's pods", true, ns("takhojd-sodertalje"), 5432, none},
		{"deliveries", false, ns("ingress-nginx"), 8081, "ingest"},
		{"people", false, ns("ingress-nginx"), 8080, "console"},
		{"metrics to the proxy", false, ns("ingress-nginx"), 9090, none},
		{"metrics to Prometheus", false, ns("monitoring"), 9090, all},
		{"people, past the proxy", false, ns("default"), 8080, none},
		{"deliveries, past the proxy", false, at(world), 8081, none},
	} {
		var who []string
		for _, p := range c.pods {
			if c.mayTalk(t, p, want.out, want.with, want.port) {
				who = append(who, p.of)
			}
		}
		wanted := strings.Fields(want.who)
		slices.Sort(who)
		slices.Sort(wanted)
		if !slices.Equal(who, wanted) {
			t.Errorf("%s: %v may, and %v should", want.what, who, wanted)
		}
	}
}

// peer is somebody on the other end: a pod in a namespace, or an address.
type peer struct {
	namespace, pod map[string]string
	address        netip.Addr
}

// mayTalk is what a network plugin makes of the policies: a pod that no policy chooses may do everything.
func (c *cluster) mayTalk(t *testing.T, p pod, out bool, with peer, port int32) bool {
	t.Helper()
	chosen := false
	for _, policy := range c.policies {
		s, err := meta.LabelSelectorAsSelector(&policy.Spec.PodSelector)
		if err != nil {
			t.Fatal(err)
		}
		kind := networking.PolicyTypeIngress
		if out {
			kind = networking.PolicyTypeEgress
		}
		if !s.Matches(labels.Set(p.meta.Labels)) || !slices.Contains(policy.Spec.PolicyTypes, kind) {
			continue
		}
		chosen = true
		for _, rule := range policy.Spec.Egress {
			if out && matches(t, rule.To, with) && opens(t, rule.Ports, p, port, out) {
				return true
			}
		}
		for _, rule := range policy.Spec.Ingress {
			if !out && matches(t, rule.From, with) && opens(t, rule.Ports, p, port, out) {
				return true
			}
		}
	}
	return !chosen
}

// opens tells whether a rule is about the port; a name is one of the pod's own.
func opens(t *testing.T, ports []networking.NetworkPolicyPort, p pod, port int32, out bool) bool {
	t.Helper()
	if len(ports) == 0 {
		return true
	}
	return slices.ContainsFunc(ports, func(q networking.NetworkPolicyPort) bool {
		if q.Port.StrVal == "" {
			return q.Port.IntVal == port
		}
		return !out && slices.ContainsFunc(p.spec.Containers[0].Ports, func(c core.ContainerPort) bool { return c.Name == q.Port.StrVal && c.ContainerPort == port })
	})
}

func matches(t *testing.T, peers []networking.NetworkPolicyPeer, with peer) bool {
	t.Helper()
	if len(peers) == 0 {
		return true
	}
	chooses := func(selector *meta.LabelSelector, has map[string]string) bool {
		s, err := meta.LabelSelectorAsSelector(selector)
		if err != nil {
			t.Fatal(err)
		}
		return s.Matches(labels.Set(has))
	}
	for _, p := range peers {
		if p.IPBlock != nil {
			covers := func(cidr string) bool { return netip.MustParsePrefix(cidr).Contains(with.address) }
			if with.address.IsValid() && covers(p.IPBlock.CIDR) && !slices.ContainsFunc(p.IPBlock.Except, covers) {
				return true
			}
			continue
		}
		if with.namespace != nil && p.NamespaceSelector != nil && chooses(p.NamespaceSelector, with.namespace) &&
			(p.PodSelector == nil || chooses(p.PodSelector, with.pod)) {
			return true
		}
	}
	return false
}

// The metric that the workers are scaled by is the one that prometheus-adapter is told to show.
func TestScaledByAMetricThatIsShown(t *testing.T) {
	for _, s := range apply(t).scalers {
		for _, m := range s.Spec.Metrics {
			if m.External != nil && !bytes.Contains(read(t, "prometheus/adapter.yaml"), []byte(fmt.Sprintf("name: {as: %s}", m.External.Metric.Name))) {
				t.Errorf("%s is scaled by %s, which nobody shows", s.Name, m.External.Metric.Name)
			}
		}
	}
}
