package simcloud

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
)

const logGroupType = "aws:cloudwatch/logGroup:LogGroup"

// retentionDays is what CloudWatch Logs accepts; 0 keeps logs forever.
var retentionDays = []float64{0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

var cloudwatchTypes = []*Type{
	{
		TypeName: logGroupType, Args: cloudwatch.LogGroupArgs{}, Outputs: cloudwatch.LogGroup{},
		Name:    &Naming{Property: "name", Max: 512, Taken: "ResourceAlreadyExistsException"},
		Replace: []string{"name", "namePrefix", "logGroupClass"},
		Rules: []rule{
			like("name", `^[a-zA-Z0-9_./#-]{1,512}$`, "1 to 512 letters, digits and _ - / . #"),
			atMostOne("", "name", "namePrefix"),
			numbers("retentionInDays", retentionDays...),
			oneOf("logGroupClass", "STANDARD", "INFREQUENT_ACCESS", "DELIVERY"),
			arn("kmsKeyId", "kms"),
		},
		Defaults: map[string]any{"retentionInDays": 0, "skipDestroy": false, "logGroupClass": "STANDARD"},
		Keeps:    func(props map[string]any) bool { return flag(props, "skipDestroy") },
		Create: func(i *instance) error {
			key := text(i.in, "kmsKeyId")
			service := "logs." + i.session.region + "." + i.session.dnsSuffix()
			group := i.session.arn("logs", "log-group:"+i.id)
			if key == "" || i.cloud.keyAdmits(i.session, key, service, "kms:GenerateDataKey", "aws:logs:arn", group) {
				return nil
			}
			return fmt.Errorf("AccessDeniedException: kmsKeyId: the key %q does not exist, or its policy does not let %s use it for %s", key, service, group)
		},
		State: func(i *instance) { i.arn("logs", "log-group:"+i.id) },
	},
	{
		TypeName: "aws:cloudwatch/logResourcePolicy:LogResourcePolicy", Args: cloudwatch.LogResourcePolicyArgs{}, Outputs: cloudwatch.LogResourcePolicy{},
		Name:    &Naming{Property: "policyName", Given: true, Taken: "ResourceAlreadyExistsException"},
		Replace: []string{"policyName"}, Required: []string{"policyDocument"}, Documents: []string{"policyDocument"},
		Rules: []rule{policy("policyDocument", resourcePolicy), sized("policyDocument", 1, 5120)},
	},
	{
		TypeName: "aws:cloudwatch/logMetricFilter:LogMetricFilter", Args: cloudwatch.LogMetricFilterArgs{}, Outputs: cloudwatch.LogMetricFilter{},
		Name:    &Naming{Property: "name", Scope: "none", Max: 512},
		Replace: []string{"name", "logGroupName"}, OnePer: []string{"logGroupName", "name"},
		Parents: []Parent{{Property: "logGroupName", Type: logGroupType}},
		Rules: []rule{
			like("name", `^[^:*]{1,512}$`, "1 to 512 characters without : and *"),
			sized("pattern", 0, 1024),
			atMostOne("metricTransformation", "defaultValue", "dimensions"),
		},
	},
	{
		TypeName: "aws:cloudwatch/metricAlarm:MetricAlarm", Args: cloudwatch.MetricAlarmArgs{}, Outputs: cloudwatch.MetricAlarm{},
		Name:    &Naming{Property: "name", Max: 255, Taken: "AlarmAlreadyExists"},
		Replace: []string{"name"},
		Rules: []rule{
			sized("name", 1, 255),
			oneOf("comparisonOperator", "GreaterThanOrEqualToThreshold", "GreaterThanThreshold", "LessThanThreshold", "LessThanOrEqualToThreshold", "LessThanLowerOrGreaterThanUpperThreshold", "LessThanLowerThreshold", "GreaterThanUpperThreshold"),
			oneOf("statistic", "SampleCount", "Average", "Sum", "Minimum", "Maximum"),
			oneOf("treatMissingData", "missing", "ignore", "breaching", "notBreaching"),
			exactlyOne("", "metricName", "metricQueries"),
			atMostOne("", "statistic", "extendedStatistic"),
			needs("", "metricName", "namespace", "period"),
			between("evaluationPeriods", 1, 1<<31),
			arn("alarmActions[]"), arn("okActions[]"), arn("insufficientDataActions[]"),
			func(c *checking) {
				period, ok := c.props["period"].(float64)
				if ok && period != 10 && period != 20 && period != 30 && int(period)%60 != 0 {
					c.problem("period", "got %s, want 10, 20, 30 or a multiple of 60 seconds", shown(period))
				}
				if n, ok := c.props["datapointsToAlarm"].(float64); ok {
					if of, ok := c.props["evaluationPeriods"].(float64); ok && n > of {
						c.problem("datapointsToAlarm", "got %s, want at most evaluationPeriods, %s", shown(n), shown(of))
					}
				}
				if c.has("metricName") && !c.has("statistic") && !c.has("extendedStatistic") {
					c.problem("statistic", `missing; want exactly one of "statistic" and "extendedStatistic"`)
				}
				if !c.has("threshold") && !c.has("thresholdMetricId") {
					c.problem("threshold", `missing; want exactly one of "threshold" and "thresholdMetricId"`)
				}
			},
		},
		Defaults: map[string]any{"actionsEnabled": true, "treatMissingData": "missing"},
		State:    func(i *instance) { i.arn("cloudwatch", "alarm:"+i.id) },
	},
	{
		TypeName: "aws:cloudwatch/dashboard:Dashboard", Args: cloudwatch.DashboardArgs{}, Outputs: cloudwatch.Dashboard{},
		Name:    &Naming{Property: "dashboardName", Scope: "account", Given: true, Taken: "DashboardAlreadyExists"},
		Replace: []string{"dashboardName"}, Documents: []string{"dashboardBody"},
		Rules: []rule{
			like("dashboardName", `^[A-Za-z0-9_-]{1,255}$`, "1 to 255 letters, digits, - and _"),
			jsonText("dashboardBody"),
		},
		State: func(i *instance) {
			i.set("dashboardArn", fmt.Sprintf("arn:%s:cloudwatch::%s:dashboard/%s", i.session.partition(), i.session.account, i.id))
		},
	},
}
