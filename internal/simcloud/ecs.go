package simcloud

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecs"

	"ds-pipeline/preprocess/named"
)

const (
	clusterType        = "aws:ecs/cluster:Cluster"
	taskDefinitionType = "aws:ecs/taskDefinition:TaskDefinition"
)

var ecsTypes = []*Type{
	{
		TypeName: clusterType, Args: ecs.ClusterArgs{}, Outputs: ecs.Cluster{},
		Name:    &Naming{Property: "name", Max: 255, Taken: "ClusterAlreadyExists"},
		Replace: []string{"name"},
		Rules: []rule{
			like("name", `^[a-zA-Z0-9_-]{1,255}$`, "1 to 255 letters, digits, - and _"),
			oneOf("settings[].name", "containerInsights"),
			oneOf("settings[].value", "enabled", "disabled", "enhanced"),
			oneOf("configuration.executeCommandConfiguration.logging", "NONE", "DEFAULT", "OVERRIDE"),
		},
		ID:    func(i *instance) string { return i.session.arn("ecs", "cluster/"+text(i.in, "name")) },
		State: func(i *instance) { i.set("arn", i.id) },
	},
	{
		TypeName: "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders", Args: ecs.ClusterCapacityProvidersArgs{}, Outputs: ecs.ClusterCapacityProviders{},
		Replace: []string{"clusterName"},
		Parents: []Parent{{Property: "clusterName", Type: clusterType}}, OnePer: []string{"clusterName"},
		ID:    func(i *instance) string { return text(i.in, "clusterName") },
		Rules: []rule{capacityProviders},
	},
	{
		TypeName: taskDefinitionType, Args: ecs.TaskDefinitionArgs{}, Outputs: ecs.TaskDefinition{},
		Name:      &Naming{Property: "family", Scope: "none", Given: true},
		Replace:   []string{"*"},
		Update:    []string{"skipDestroy", "trackLatest", "tags"},
		Documents: []string{"containerDefinitions"},
		Rules: []rule{
			like("family", `^[a-zA-Z0-9_-]{1,255}$`, "1 to 255 letters, digits, - and _"),
			oneOf("networkMode", "none", "bridge", "awsvpc", "host"),
			oneOf("requiresCompatibilities[]", "EC2", "FARGATE", "EXTERNAL"),
			oneOf("pidMode", "host", "task"),
			oneOf("ipcMode", "host", "task", "none"),
			oneOf("placementConstraints[].type", "memberOf"),
			oneOf("runtimePlatform.cpuArchitecture", "X86_64", "ARM64"),
			oneOf("runtimePlatform.operatingSystemFamily", "LINUX", "WINDOWS_SERVER_2019_FULL", "WINDOWS_SERVER_2019_CORE", "WINDOWS_SERVER_2022_FULL", "WINDOWS_SERVER_2022_CORE", "WINDOWS_SERVER_2025_FULL", "WINDOWS_SERVER_2025_CORE"),
			arn("executionRoleArn", "iam"), arn("taskRoleArn", "iam"),
			between("ephemeralStorage.sizeInGib", 21, 200),
			uniqueBy("volumes", "name"),
			oneOf("volumes[].efsVolumeConfiguration.transitEncryption", "ENABLED", "DISABLED"),
			fargate,
			containers,
		},
		Defaults: map[string]any{"skipDestroy": false, "trackLatest": false, "enableFaultInjection": false},
		Keeps:    func(props map[string]any) bool { return flag(props, "skipDestroy") },
		ID:       func(i *instance) string { return text(i.in, "family") },
		Create: func(i *instance) error {
			// Revisions of one family live side by side; the id is the family's.
			if i.old == nil {
				i.cloud.revision[i.session.region+text(i.in, "family")]++
				n := i.cloud.revision[i.session.region+text(i.in, "family")]
				i.id = i.session.arn("ecs", fmt.Sprintf("task-definition/%s:%d", text(i.in, "family"), n))
			}
			return nil
		},
		State: func(i *instance) {
			n, _ := strconv.Atoi(i.id[strings.LastIndex(i.id, ":")+1:])
			i.set("revision", float64(n))
			i.set("arn", i.id)
			i.set("arnWithoutRevision", strings.TrimSuffix(i.id, fmt.Sprintf(":%d", n)))
		},
	},
}

func capacityProviders(c *checking) {
	listed := refsOf(c.props["capacityProviders"])
	visit(c.props, "defaultCapacityProviderStrategies[].capacityProvider", func(at string, v any) {
		if name, ok := v.(string); ok && !slices.Contains(listed, name) {
			c.problem(at, "got %q, want one of capacityProviders, %s", name, quotedList(listed))
		}
	})
}

// fargateMemory is the memory, in MiB, that Fargate offers with each number of
// CPU units: from, to, step. Below half a vCPU the steps are not even.
var fargateMemory = map[int][]int{
	256:   {512, 1024, 2048},
	512:   steps(1024, 4096, 1024),
	1024:  steps(2048, 8192, 1024),
	2048:  steps(4096, 16384, 1024),
	4096:  steps(8192, 30720, 1024),
	8192:  steps(16384, 61440, 4096),
	16384: steps(32768, 122880, 8192),
}

func steps(from, to, by int) []int {
	var out []int
	for n := from; n <= to; n += by {
		out = append(out, n)
	}
	return out
}

var vcpu = regexp.MustCompile(`(?i)^([0-9.]+) ?vcpu$`)
var gigabytes = regexp.MustCompile(`(?i)^([0-9.]+) ?gb$`)

// units reads a size: "2048", or "2 vCPU" and "4 GB" in units of 1024.
func units(s string, unit *regexp.Regexp) (int, bool) {
	if m := unit.FindStringSubmatch(s); m != nil {
		n, err := strconv.ParseFloat(m[1], 64)
		return int(n * 1024), err == nil
	}
	n, err := strconv.Atoi(s)
	return n, err == nil
}

// fargate is what Fargate asks of a task definition.
func fargate(c *checking) {
	if !slices.Contains(refsOf(c.props["requiresCompatibilities"]), "FARGATE") {
		return
	}
	if mode, ok := c.props["networkMode"]; !ok || mode != any("awsvpc") {
		if _, later := mode.(unknown); !later {
			c.problem("networkMode", `got %s, want "awsvpc" for FARGATE`, shown(mode))
		}
	}
	for _, name := range []string{"cpu", "memory"} {
		if !c.has(name) {
			c.problem(name, "missing; FARGATE needs it")
		}
	}
	cpuText, okCPU := c.props["cpu"].(string)
	memoryText, okMemory := c.props["memory"].(string)
	if !okCPU || !okMemory {
		return
	}
	cpu, okCPU := units(cpuText, vcpu)
	memory, okMemory := units(memoryText, gigabytes)
	choices, offered := fargateMemory[cpu]
	switch {
	case !okCPU || !offered:
		c.problem("cpu", "got %q, want one of %v", cpuText, slices.Sorted(maps.Keys(fargateMemory)))
	case !okMemory || !slices.Contains(choices, memory):
		c.problem("memory", "got %q, want one of %v with %d CPU units", memoryText, choices, cpu)
	}
}

// What ECS reads in a container definition; anything else it ignores silently,
// so a typing mistake would be lost.
var containerFields = []string{
	"name", "image", "repositoryCredentials", "cpu", "memory", "memoryReservation", "links", "portMappings", "essential",
	"restartPolicy", "entryPoint", "command", "environment", "environmentFiles", "mountPoints", "volumesFrom", "linuxParameters",
	"secrets", "dependsOn", "startTimeout", "stopTimeout", "versionConsistency", "hostname", "user", "workingDirectory",
	"disableNetworking", "privileged", "readonlyRootFilesystem", "dnsServers", "dnsSearchDomains", "extraHosts",
	"dockerSecurityOptions", "interactive", "pseudoTerminal", "dockerLabels", "ulimits", "logConfiguration", "healthCheck",
	"systemControls", "resourceRequirements", "firelensConfiguration", "credentialSpecs",
}

var (
	containerName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,255}$`)
	imageName     = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._/:@-]*$`)
)

// containers checks the JSON of the container definitions.
func containers(c *checking) {
	source, ok := c.props["containerDefinitions"].(string)
	if !ok {
		return
	}
	const at = "containerDefinitions"
	var parsed any
	if err := parseJSON(source, &parsed); err != nil {
		c.problem(at, "not valid JSON: %v", err)
		return
	}
	list, ok := parsed.([]any)
	if !ok || len(list) == 0 {
		c.problem(at, "got %s, want a list of at least one container", shown(parsed))
		return
	}
	volumes := map[string]bool{}
	visit(c.props, "volumes[].name", func(_ string, v any) {
		name, _ := v.(string)
		volumes[name] = true
	})
	onFargate := slices.Contains(refsOf(c.props["requiresCompatibilities"]), "FARGATE")
	if onFargate {
		c.executionRole(list)
		c.containerSizes(list)
	}
	names := map[string]bool{}
	essential := false
	for n, e := range list {
		here := fmt.Sprintf("%s[%d]", at, n)
		container, ok := e.(map[string]any)
		if !ok {
			c.problem(here, "got %s, want a container", shown(e))
			continue
		}
		for _, k := range sortedKeys(container) {
			if !slices.Contains(containerFields, k) {
				hint := ""
				if near := named.Nearest(k, containerFields); near != "" {
					hint = fmt.Sprintf("; did you mean %q?", near)
				}
				c.problem(join(here, k), "unknown field%s", hint)
			}
		}
		name := text(container, "name")
		if !containerName.MatchString(name) {
			c.problem(here+".name", "got %s, want 1 to 255 letters, digits, - and _", shown(container["name"]))
		}
		if names[name] {
			c.problem(here+".name", "%q is used twice; want a different one", name)
		}
		names[name] = true
		if !imageName.MatchString(text(container, "image")) {
			c.problem(here+".image", "got %s, want an image reference", shown(container["image"]))
		}
		if v, given := container["essential"]; !given || v == true {
			essential = true
		}
		c.container(here, container, volumes, onFargate)
	}
	if !essential {
		c.problem(at, "no container is essential; want at least one")
	}
}

// executionRole wants the role with which Fargate pulls images, writes logs
// and reads secrets, when there are any.
func (c *checking) executionRole(containers []any) {
	if c.has("executionRoleArn") {
		return
	}
	for n, e := range containers {
		container, _ := e.(map[string]any)
		log, _ := container["logConfiguration"].(map[string]any)
		var need string
		switch {
		case text(log, "logDriver") == "awslogs":
			need = "the log driver awslogs"
		case registryHost.MatchString(text(container, "image")):
			need = "an image in ECR"
		case len(given(container, []string{"secrets"})) > 0:
			need = "secrets"
		default:
			continue
		}
		c.problem("executionRoleArn", "missing; FARGATE needs it for %s of containerDefinitions[%d]", need, n)
		return
	}
}

// containerSizes wants the containers together to fit into the task.
func (c *checking) containerSizes(containers []any) {
	for _, size := range []struct {
		name string
		unit *regexp.Regexp
	}{{"cpu", vcpu}, {"memory", gigabytes}} {
		whole, ok := units(text(c.props, size.name), size.unit)
		if !ok {
			continue
		}
		sum := 0.0
		for _, e := range containers {
			container, _ := e.(map[string]any)
			n, _ := container[size.name].(float64)
			sum += n
		}
		if sum > float64(whole) {
			c.problem("containerDefinitions", "%s: the containers ask for %s together, want at most the task's %d", size.name, shown(sum), whole)
		}
	}
}

func (c *checking) container(at string, container map[string]any, volumes map[string]bool, onFargate bool) {
	seen := map[string]bool{}
	for _, list := range []struct{ name, key, value string }{{"environment", "name", "value"}, {"secrets", "name", "valueFrom"}} {
		entries, ok := container[list.name].([]any)
		if v, given := container[list.name]; given && !ok {
			c.problem(join(at, list.name), "got %s, want a list", shown(v))
		}
		for n, e := range entries {
			here := fmt.Sprintf("%s.%s[%d]", at, list.name, n)
			entry, _ := e.(map[string]any)
			key, isText := entry[list.key].(string)
			if !isText || key == "" {
				c.problem(join(here, list.key), "got %s, want a name", shown(entry[list.key]))
			}
			// ECS drops an entry without a value: the plan then never settles.
			if _, isText := entry[list.value].(string); !isText {
				c.problem(join(here, list.value), "got %s, want text", shown(entry[list.value]))
			}
			if seen[key] {
				c.problem(join(here, list.key), "%q is used twice; want a different one", key)
			}
			seen[key] = true
		}
	}
	mounts, _ := container["mountPoints"].([]any)
	for n, e := range mounts {
		here := fmt.Sprintf("%s.mountPoints[%d]", at, n)
		mount, _ := e.(map[string]any)
		if source := text(mount, "sourceVolume"); !volumes[source] {
			c.problem(here+".sourceVolume", "got %q, want one of volumes, %s", source, quotedList(sortedKeys(volumes)))
		}
		if path := text(mount, "containerPath"); !strings.HasPrefix(path, "/") {
			c.problem(here+".containerPath", "got %q, want an absolute path", path)
		}
	}
	for _, name := range []string{"cpu", "memory", "memoryReservation", "startTimeout", "stopTimeout"} {
		if v, given := container[name]; given {
			if n, ok := v.(float64); !ok || n < 0 || n != float64(int(n)) {
				c.problem(join(at, name), "got %s, want a whole number", shown(v))
			}
		}
	}
	if n, ok := container["stopTimeout"].(float64); ok && onFargate && n > 120 {
		c.problem(at+".stopTimeout", "got %s, want at most 120 seconds on FARGATE", shown(n))
	}
	if onFargate && container["privileged"] == true {
		c.problem(at+".privileged", "not allowed on FARGATE")
	}
	for _, name := range []string{"command", "entryPoint"} {
		if v, given := container[name]; given {
			if list, ok := v.([]any); !ok || len(refsOf(v)) != len(list) {
				c.problem(join(at, name), "got %s, want a list of texts", shown(v))
			}
		}
	}
	c.logConfiguration(at+".logConfiguration", container["logConfiguration"], onFargate)
}

func (c *checking) logConfiguration(at string, v any, onFargate bool) {
	if v == nil {
		return
	}
	config, ok := v.(map[string]any)
	if !ok {
		c.problem(at, "got %s, want logDriver and options", shown(v))
		return
	}
	drivers := []string{"awslogs", "splunk", "awsfirelens"}
	if !onFargate {
		drivers = append(drivers, "json-file", "syslog", "journald", "gelf", "fluentd")
	}
	driver := text(config, "logDriver")
	if !slices.Contains(drivers, driver) {
		c.problem(at+".logDriver", "got %s, want %s", shown(config["logDriver"]), quotedList(drivers))
	}
	if driver != "awslogs" {
		return
	}
	options, _ := config["options"].(map[string]any)
	wanted := []string{"awslogs-group", "awslogs-region"}
	if onFargate {
		wanted = append(wanted, "awslogs-stream-prefix")
	}
	for _, name := range wanted {
		if s, ok := options[name].(string); !ok || s == "" {
			c.problem(at+".options."+name, "got %s, want text", shown(options[name]))
		}
	}
	if mode, given := options["mode"]; given && mode != "blocking" && mode != "non-blocking" {
		c.problem(at+".options.mode", `got %s, want "blocking" or "non-blocking"`, shown(mode))
	}
}
