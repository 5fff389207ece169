// Applies the rule packs of cdk-nag to CloudFormation templates:
//
//	node scan.mjs TEMPLATE...
//
// Prints a list as JSON: for each template what its schema refuses, and the findings.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App, CfnResource, Stack } from "aws-cdk-lib";
import { CfnInclude } from "aws-cdk-lib/cloudformation-include";
import { AwsSolutionsChecks, NIST80053R5Checks } from "cdk-nag";

function scan(templateFile, outdir) {
  const app = new App({ outdir, analyticsReporting: false });
  const stack = new Stack(app, "Plan");
  new CfnInclude(stack, "Template", { templateFile: templateFile });
  // CDK keeps a property that its schema of the resource does not know as an override.
  const unknown = [];
  let resources = 0;
  for (const node of stack.node.findAll()) {
    if (!CfnResource.isCfnResource(node)) continue;
    resources++;
    if (node.constructor === CfnResource) unknown.push(`${node.node.id}: ${node.cfnResourceType} is not a type of CloudFormation`);
    const extra = node.rawOverrides?.Properties ?? {};
    for (const key of Object.keys(extra)) unknown.push(`${node.node.id}: ${node.cfnResourceType} has no ${JSON.stringify({ [key]: extra[key] })}`);
  }
  app.synth(); // checks required properties and types of values
  const packs = {};
  for (const [name, pack] of Object.entries({ AwsSolutions: new AwsSolutionsChecks(app, { verbose: true }), NIST: new NIST80053R5Checks(app, { verbose: true }) })) {
    packs[name] = pack.validateScope(app).violations.flatMap(({ ruleName, description, violatingResources }) =>
      violatingResources.map(({ constructPath }) => ({ rule: ruleName, resource: constructPath.split("/").pop(), description })));
  }
  return { unknown, resources, packs };
}

const outdir = mkdtempSync(join(tmpdir(), "scan-"));
try {
  console.log(JSON.stringify(process.argv.slice(2).map((file, i) => scan(file, join(outdir, String(i))))));
} finally {
  rmSync(outdir, { recursive: true, force: true });
}
