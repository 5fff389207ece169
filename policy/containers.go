package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

func repositoryRules() []*Rule {
	return []*Rule{
		{
			Name: "repository-scans-images", Family: "ECR", Level: mandatory, Severity: Medium,
			Wants:  "A repository scans each image for known holes when it is pushed",
			Remedy: "set imageScanningConfiguration.scanOnPush to true",
			resource: func(c *check, r *resource) {
				if r.is("ecr.Repository") && isNot(r.get("imageScanningConfiguration", "scanOnPush"), true) {
					c.report(r, "scanOnPush is not true")
				}
			},
		},
		{
			Name: "repository-keeps-tags", Family: "ECR", Level: mandatory, Severity: Medium,
			Wants:  "A tag of a repository names the same image for ever",
			Remedy: "set imageTagMutability to IMMUTABLE",
			resource: func(c *check, r *resource) {
				if r.is("ecr.Repository") && isNot(r.get("imageTagMutability"), "IMMUTABLE") {
					c.report(r, "its tags can be moved")
				}
			},
		},
		{
			Name: "repository-expires-images", Family: "ECR", Level: mandatory, Severity: Low,
			Wants:  "A repository deletes images that nobody needs any more",
			Remedy: "add an ecr.LifecyclePolicy",
			stack: func(c *check, p *plan) {
				for _, r := range p.of("ecr.Repository") {
					if len(p.attached(r, "repository", "ecr.LifecyclePolicy")) == 0 {
						c.report(r, "no lifecycle policy is attached")
					}
				}
			},
		},
	}
}

func containerRules() []*Rule {
	return []*Rule{
		{
			Name: "container-root-is-read-only", Family: "ECS", Level: mandatory, Severity: Medium,
			Wants:  "A container cannot write to its own image",
			Remedy: "set readonlyRootFilesystem to true, and mount a volume where it has to write",
			resource: eachContainer(func(d *container) string {
				if !d.ReadonlyRootFilesystem {
					return "its root file system can be written"
				}
				return ""
			}),
		},
		{
			Name: "container-is-not-root", Family: "ECS", Level: mandatory, Severity: High,
			Wants:  "A container runs as a user that is not root, named in the task definition",
			Remedy: "set user to a number other than 0",
			resource: eachContainer(func(d *container) string {
				user, _, _ := strings.Cut(d.User, ":")
				if user == "" || user == "root" || strings.Trim(user, "0") == "" {
					return fmt.Sprintf("its user is %q", d.User)
				}
				return ""
			}),
		},
		{
			Name: "container-has-no-privileges", Family: "ECS", Level: mandatory, Severity: Critical,
			Wants:  "A container has no rights on its host",
			Remedy: "leave out privileged and linuxParameters.capabilities.add",
			resource: eachContainer(func(d *container) string {
				if d.Privileged || len(d.LinuxParameters.Capabilities.Add) > 0 {
					return "it is privileged, or adds capabilities"
				}
				return ""
			}),
		},
		{
			Name: "container-logs", Family: "ECS", Level: mandatory, Severity: Medium,
			Wants:  "What a container prints is kept",
			Remedy: "set logConfiguration",
			resource: eachContainer(func(d *container) string {
				if d.LogConfiguration.LogDriver == "" || d.LogConfiguration.LogDriver == "none" {
					return "it has no log driver"
				}
				return ""
			}),
		},
		{
			Name: "container-image-is-pinned", Family: "ECS", Level: mandatory, Severity: Medium,
			Wants:  "A container's image is named by its digest, so that what was tested is what runs",
			Remedy: "write the image as <repository>@sha256:<digest>",
			resource: eachContainer(func(d *container) string {
				if !strings.Contains(d.Image, "@sha256:") {
					return fmt.Sprintf("its image is %q", d.Image)
				}
				return ""
			}),
		},
		{
			Name: "task-roles-are-apart", Family: "ECS", Level: mandatory, Severity: Medium,
			Wants:    "What starts a task and what runs in it have a role each",
			Remedy:   "set taskRoleArn and executionRoleArn to different roles",
			resource: taskRolesAreApart,
		},
		{
			Name: "cluster-has-insights", Family: "ECS", Level: mandatory, Severity: Low, Options: []Option{production},
			Wants:  "A cluster of production records metrics of each task",
			Remedy: "set the cluster's setting containerInsights to enabled or enhanced",
			resource: func(c *check, r *resource) {
				if !r.is("ecs.Cluster") || !c.in(production) || r.get("settings").IsComputed() {
					return
				}
				for _, s := range items(r.get("settings")) {
					on := within(s, "value")
					if text(within(s, "name")) == "containerInsights" && (on.IsComputed() || text(on) == "enabled" || text(on) == "enhanced") {
						return
					}
				}
				c.report(r, "containerInsights is off")
			},
		},
	}
}

// container is the part of a container definition that the rules read.
type container struct {
	Name                   string
	Image                  string
	User                   string
	Privileged             bool
	ReadonlyRootFilesystem bool
	LogConfiguration       struct{ LogDriver string }
	LinuxParameters        struct{ Capabilities struct{ Add []string } }
	Environment            []struct{ Name, Value string }
}

// eachContainer reports what wrong says about each container of a task.
func eachContainer(wrong func(d *container) string) func(c *check, r *resource) {
	return func(c *check, r *resource) {
		if !r.is("ecs.TaskDefinition") {
			return
		}
		var definitions []json.RawMessage
		known, err := decode(r.get("containerDefinitions"), &definitions)
		if !known {
			return
		}
		for i, text := range definitions {
			var d container
			if err = json.Unmarshal(text, &d); err != nil {
				break
			}
			if d.Name == "" {
				d.Name = fmt.Sprint(i)
			}
			if message := wrong(&d); message != "" {
				c.report(r, "container %s: %s", d.Name, message)
			}
		}
		if err != nil {
			c.report(r, "containerDefinitions cannot be read: %v", err)
		}
	}
}

func taskRolesAreApart(c *check, r *resource) {
	if !r.is("ecs.TaskDefinition") {
		return
	}
	task, execution := r.get("taskRoleArn"), r.get("executionRoleArn")
	switch {
	case task.IsNull():
		c.report(r, "taskRoleArn is not set")
	case execution.IsNull() && slices.Contains(texts(r.get("requiresCompatibilities")), "FARGATE"):
		c.report(r, "executionRoleArn is not set")
	case text(task) != "" && text(task) == text(execution):
		c.report(r, "both roles are %s", text(task))
	}
}
