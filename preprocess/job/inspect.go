package job

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"

	"ds-pipeline/preprocess/storage"
)

// Inspect says what a model does, in words or as JSON.
func Inspect(ctx context.Context, flags Flags, getenv func(string) string, parameters Parameters, log *slog.Logger, asJSON bool) (string, error) {
	u, err := loadModelSetting(ctx, flags, getenv, parameters)
	if err != nil {
		return "", err
	}
	m, _, err := loadModel(ctx, storage.New(), u, log)
	if err != nil {
		return "", explained(err)
	}
	text := m.Describe()
	if asJSON {
		data, err := json.MarshalIndent(m, "", "  ")
		if err != nil {
			return "", fmt.Errorf("model %s: %w", u, err)
		}
		text = string(data)
	}
	return strings.TrimSuffix(text, "\n") + "\n", nil
}
