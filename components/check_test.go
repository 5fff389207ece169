package components

import (
	"slices"
	"strings"
	"testing"
)

func TestChecks_acceptAndRefuse(t *testing.T) {
	tests := []struct {
		name         string
		check        func(string) error
		right, wrong []string
	}{
		{"account", CheckAccountID, []string{"111111111111", "012345678901"}, []string{"", "1", "1111111111111", "11111111111a", "111111111111\n"}},
		{"region", CheckRegion, []string{"us-east-1", "ap-southeast-2", "us-gov-west-1", "cn-north-1", "me-central-1"}, []string{"", "us-east", "us-east-1a", "US-EAST-1", "useast1", "us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1", "eusc-de-east-1"}},
		{"email", CheckEmail, []string{"a@b.co", "first.last+tag@mail.example.com"}, []string{"", "a", "a@b", "a@b.", "a b@c.d", "a@b.c,d@e.f", "<a@b.c>"}},
		{"key", CheckObjectKey, []string{"a", "raw/data.csv", "ä/1 2.csv", strings.Repeat("k", 1024)}, []string{"", "/a", " a", "a ", "a/", "a{{b}}", "a\nb", strings.Repeat("k", 1025)}},
		{"input", CheckInputKey, []string{"a", "raw/data.csv", "raw/", "raw/[x/", "*.csv", "raw/2026-[01]?.csv", `a\*`}, []string{"", "/", "/a", " a", "a/ ", "a{{b}}", "raw/[x.csv", `a\`, strings.Repeat("k", 1025)}},
		{"prefix", CheckParameterPrefix, []string{"/ds/", "/ds/preprocessing/", "/a.b/c_d/e-f/", "/" + strings.Repeat("a/", 13), "/" + strings.Repeat("a", 898) + "/"}, []string{"", "/", "ds/", "/ds", "//", "/ds//x/", "/aws/x/", "/SSM-x/", "/a b/", "/" + strings.Repeat("a/", 14), "/" + strings.Repeat("a", 899) + "/"}},
		{"network", CheckNetworkCIDR, []string{"10.0.0.0/24", "10.1.0.0/16", "192.168.4.0/26", "172.16.0.0/20"}, []string{"", "10.0.0.0", "10.0.0.1/24", "8.8.8.0/24", "10.0.0.0/15", "10.0.0.0/27", "fd00::/24"}},
		{"image", CheckImageURI,
			[]string{"111111111111.dkr.ecr.us-east-1.amazonaws.com/a/b@sha256:" + strings.Repeat("0", 64)},
			[]string{"", "a:b", "111111111111.dkr.ecr.us-east-1.amazonaws.com/a:tag", "111111111111.dkr.ecr.us-east-1.amazonaws.com/a@sha256:123"}},
		{"environment", CheckEnvironment, []string{"dev", "team-1", strings.Repeat("e", 20)}, []string{"", "1st", "Dev", "a--b", "a-", strings.Repeat("e", 21)}},
		{"stack", CheckStackName, []string{"dev", "a.B_c-1", strings.Repeat("s", 100)}, []string{"", "a b", "a/b", strings.Repeat("s", 101)}},
		{"repository", CheckRepository, []string{"a/b", "example-1/a.b_c", "a/" + strings.Repeat("r", 138)}, []string{"", "a", "a/b/c", "*/b", "-a/b", "a/" + strings.Repeat("r", 139)}},
		{"ref", CheckRef, []string{"refs/heads/main", "refs/tags/v1.0+2", "refs/heads/" + strings.Repeat("r", 244)}, []string{"", "main", "refs/heads/*", "refs/pull/1", "refs/heads/" + strings.Repeat("r", 245)}},
	}
	for _, tt := range tests {
		for _, text := range tt.right {
			if err := tt.check(text); err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
		}
		for _, text := range tt.wrong {
			if tt.check(text) == nil {
				t.Errorf("%s: %q is accepted", tt.name, text)
			}
		}
	}
}

func TestCheckEmails_takesAsManyAsABudgetTells(t *testing.T) {
	for n, right := range map[int]bool{0: false, 1: true, 10: true, 11: false} {
		if err := CheckEmails(slices.Repeat([]string{"you@example.com"}, n)); (err == nil) != right {
			t.Errorf("%d addresses: got %v", n, err)
		}
	}
	if err := CheckEmails([]string{"you@example.com", "me"}); err == nil || err.Error() != `got "me", want one e-mail address` {
		t.Errorf("got %v", err)
	}
}

func TestQuarter_cutsARangeIntoFour(t *testing.T) {
	for i, want := range []string{"10.0.0.0/18", "10.0.64.0/18", "10.0.128.0/18", "10.0.192.0/18"} {
		if got := quarter("10.0.0.0/16", i); got != want {
			t.Errorf("part %d is %s, want %s", i, got, want)
		}
	}
	if got := quarter("192.168.4.64/26", 3); got != "192.168.4.112/28" {
		t.Errorf("got %s", got)
	}
}

func TestPlace_knowsItsPartition(t *testing.T) {
	for region, want := range map[string][4]string{
		"us-east-1":     {"arn:aws:sqs:us-east-1:111111111111:q", "com.amazonaws.us-east-1.s3", "com.amazonaws.us-east-1.ecr.api", "us-east-1.console.aws.amazon.com"},
		"us-gov-west-1": {"arn:aws-us-gov:sqs:us-gov-west-1:111111111111:q", "com.amazonaws.us-gov-west-1.s3", "com.amazonaws.us-gov-west-1.ecr.api", "us-gov-west-1.console.amazonaws-us-gov.com"},
		"cn-north-1":    {"arn:aws-cn:sqs:cn-north-1:111111111111:q", "com.amazonaws.cn-north-1.s3", "cn.com.amazonaws.cn-north-1.ecr.api", "cn-north-1.console.amazonaws.cn"},
	} {
		p := Place{AccountID: "111111111111", Region: region}
		if got := [4]string{p.arn("sqs", "q"), p.endpointService("s3"), p.endpointService("ecr.api"), p.consoleHost()}; got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}
