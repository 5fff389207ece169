package cloudformation_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"ds-pipeline/internal/cloudformation"
)

type object = map[string]any

const (
	bucketArn = "arn:aws:s3:::landing"
	topicArn  = "arn:aws:sns:us-east-1:111111111111:news"
)

var bucket = cloudformation.Resource{
	Type: "aws:s3/bucketV2:BucketV2", Name: "data-landing", ID: "landing",
	Inputs: object{"bucket": "landing", "forceDestroy": true}, Outputs: object{"arn": bucketArn},
}

// converted is the template as JSON says it.
func converted(t *testing.T, resources ...cloudformation.Resource) object {
	t.Helper()
	template, err := cloudformation.New(resources)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(template)
	if err != nil {
		t.Fatal(err)
	}
	var read object
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	return read["Resources"].(object)
}

// want compares the properties of one resource with JSON.
func want(t *testing.T, resources object, name, properties string) {
	t.Helper()
	var expected object
	if err := json.Unmarshal([]byte(properties), &expected); err != nil {
		t.Fatal(err)
	}
	entity, ok := resources[name].(object)
	if !ok || !reflect.DeepEqual(entity["Properties"], any(expected)) {
		got, _ := json.Marshal(resources[name])
		t.Errorf("%s: got %s, want properties %s", name, got, properties)
	}
}

func TestNew_mergesTheSettingsOfABucket(t *testing.T) {
	part := func(typ string, inputs object) cloudformation.Resource {
		inputs["bucket"] = "landing"
		return cloudformation.Resource{Type: typ, Name: "part", Inputs: inputs}
	}
	resources := converted(t, bucket,
		part("aws:s3/bucketVersioningV2:BucketVersioningV2", object{"versioningConfiguration": object{"status": "Enabled"}}),
		part("aws:s3/bucketOwnershipControls:BucketOwnershipControls", object{"rule": object{"objectOwnership": "BucketOwnerEnforced"}}),
		part("aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2", object{
			"rules": []any{object{"applyServerSideEncryptionByDefault": object{"sseAlgorithm": "AES256"}}},
		}),
		part("aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2", object{"rules": []any{object{
			"id": "old", "status": "Enabled", "filter": object{"prefix": ""}, "expiration": object{"expiredObjectDeleteMarker": true},
			"noncurrentVersionExpiration": object{"noncurrentDays": 7.0},
		}}}),
	)
	want(t, resources, "DataLanding", `{
		"BucketName": "landing",
		"VersioningConfiguration": {"Status": "Enabled"},
		"OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
		"BucketEncryption": {"ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]},
		"LifecycleConfiguration": {"Rules": [{"Id": "old", "Status": "Enabled", "Prefix": "", "ExpiredObjectDeleteMarker": true, "NoncurrentVersionExpiration": {"NoncurrentDays": 7}}]}
	}`)
	if len(resources) != 1 {
		t.Errorf("got %d resources, want the bucket alone", len(resources))
	}
}

func TestNew_refersToPlannedResources(t *testing.T) {
	resources := converted(t, bucket,
		cloudformation.Resource{Type: "aws:iam/role:Role", Name: "reader", ID: "reader-1", Inputs: object{
			"name": "reader-1", "assumeRolePolicy": `{"Statement": [{"Action": "sts:AssumeRole", "Condition": {"ArnLike": {"aws:SourceArn": "` + bucketArn + `"}}}]}`,
		}, Outputs: object{"arn": "arn:aws:iam::111111111111:role/reader-1"}},
		cloudformation.Resource{Type: "aws:iam/rolePolicy:RolePolicy", Name: "reader-policy", ID: "reader-1:p", Inputs: object{
			"name": "p", "role": "reader-1", "policy": `{"Statement": [{"Resource": ["` + bucketArn + `", "` + bucketArn + `/*", "` + bucketArn + `-other"]}]}`,
		}},
		cloudformation.Resource{Type: "aws:sns/topic:Topic", Name: "news", ID: topicArn, Inputs: object{"name": "news"}, Outputs: object{"arn": topicArn}},
		// Its ID is that of the topic.
		cloudformation.Resource{Type: "aws:sns/topicPolicy:TopicPolicy", Name: "news-policy", ID: topicArn, Inputs: object{
			"arn": topicArn, "policy": `{"Statement": [{"Resource": "` + topicArn + `"}]}`,
		}},
	)
	want(t, resources, "ReaderPolicy", `{"PolicyName": "p", "Roles": [{"Ref": "Reader"}], "PolicyDocument": {"Statement": [{"Resource": [
		{"Fn::GetAtt": ["DataLanding", "Arn"]}, {"Fn::Join": ["", [{"Fn::GetAtt": ["DataLanding", "Arn"]}, "/*"]]}, "arn:aws:s3:::landing-other"]}]}}`)
	want(t, resources, "Reader", `{"RoleName": "reader-1", "AssumeRolePolicyDocument": {"Statement": [{"Action": "sts:AssumeRole", "Condition": {"ArnLike": {"aws:SourceArn": "`+bucketArn+`"}}}]}}`)
	want(t, resources, "NewsPolicy", `{"Topics": [{"Ref": "News"}], "PolicyDocument": {"Statement": [{"Resource": {"Ref": "News"}}]}}`)
}

func TestNew_writesOneRuleForEachPeer(t *testing.T) {
	resources := converted(t,
		cloudformation.Resource{Type: "aws:ec2/vpc:Vpc", Name: "net", ID: "vpc-0a82f74ec01d0c3aa", Inputs: object{"cidrBlock": "10.0.0.0/24"}},
		cloudformation.Resource{Type: "aws:ec2/securityGroup:SecurityGroup", Name: "task", ID: "sg-0a82f74ec01d0c3aa", Inputs: object{
			"vpcId": "vpc-0a82f74ec01d0c3aa", "ingress": []any{}, "egress": []any{object{"cidrBlocks": []any{"10.0.0.0/8", "0.0.0.0/0"}, "protocol": "tcp", "fromPort": 443.0, "toPort": 443.0}},
		}},
	)
	want(t, resources, "Task", `{"VpcId": {"Ref": "Net"}, "SecurityGroupIngress": [], "SecurityGroupEgress": [
		{"CidrIp": "10.0.0.0/8", "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}, {"CidrIp": "0.0.0.0/0", "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}]}`)
}

func TestNew_keepsSameNamesOfDifferentTypesApart(t *testing.T) {
	resources := converted(t,
		cloudformation.Resource{Type: "aws:sns/topic:Topic", Name: "news", ID: topicArn, Inputs: object{}},
		cloudformation.Resource{Type: "aws:sqs/queue:Queue", Name: "news", ID: "https://sqs/news", Inputs: object{}},
	)
	for _, name := range []string{"NewsTopic", "NewsQueue"} {
		if resources[name] == nil {
			t.Errorf("got %v, want %s in it", resources, name)
		}
	}
}

func TestNew_tellsAllThatItCannotConvert(t *testing.T) {
	_, err := cloudformation.New([]cloudformation.Resource{
		{Type: "aws:lambda/function:Function", Name: "code"},
		{Type: "aws:sns/topic:Topic", Name: "news", Inputs: object{"flavor": "red"}},
		{Type: "aws:s3/bucketVersioningV2:BucketVersioningV2", Name: "lost", Inputs: object{"bucket": "elsewhere"}},
		{Type: "aws:sqs/queuePolicy:QueuePolicy", Name: "open", Inputs: object{"policy": "no"}},
	})
	if err == nil {
		t.Fatal("got no error")
	}
	for _, part := range []string{
		`aws:lambda/function:Function "code": this type is not in the mapping`,
		`aws:sns/topic:Topic "news": flavor: this property is not in the mapping`,
		`"lost": bucket: got "elsewhere", want the ID or name of a planned aws:s3/bucketV2:BucketV2`,
		`"open": policy: want JSON`,
	} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("got %v, want %q in it", err, part)
		}
	}
}
