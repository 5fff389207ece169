package job

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"

	"ds-pipeline/preprocess/storage"
)

// ParameterStore reads parameters from AWS Systems Manager in one request of
// at most 10 names. It contacts AWS only when it is called.
func ParameterStore(ctx context.Context, names []string) (map[string]string, error) {
	cfg, err := storage.LoadAWSConfig(ctx)
	if err != nil {
		return nil, parameterError(storage.ErrTarget, names, err)
	}
	// Names that do not exist come back as InvalidParameters, which is no error
	// here: the caller knows which of them it needs.
	out, err := ssm.NewFromConfig(cfg).GetParameters(ctx, &ssm.GetParametersInput{
		Names:          names,
		WithDecryption: aws.Bool(true),
	})
	if err != nil {
		return nil, parameterError(storage.ServiceKind(err), names, err)
	}
	values := make(map[string]string, len(out.Parameters))
	for _, p := range out.Parameters {
		values[aws.ToString(p.Name)] = aws.ToString(p.Value)
	}
	return values, nil
}

func parameterError(kind error, names []string, err error) error {
	var api smithy.APIError
	if errors.As(err, &api) {
		err = fmt.Errorf("%s: %s", api.ErrorCode(), api.ErrorMessage())
	}
	if kind == nil {
		kind = storage.ErrUnavailable
	}
	return fmt.Errorf("read parameters %s: %w: %w", strings.Join(names, ", "), kind, err)
}
