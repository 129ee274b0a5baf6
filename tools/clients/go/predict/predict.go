// Ask a model with the Go client that openapi-generator generates.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	projects "example.com/projects/client"
)

func main() {
	configuration := projects.NewConfiguration()
	configuration.Servers[0].URL = os.Getenv("BASE_URL")
	models := projects.NewAPIClient(configuration).TrainedModelsAPI
	me := context.WithValue(context.Background(), projects.ContextAccessToken, os.Getenv("API_KEY"))

	// The newest experiment's models come first, the best of them at the top.
	listed, _, err := models.ListModels(me).ProjectId(os.Getenv("PROJECT_ID")).Execute()
	if err != nil {
		log.Fatal(err)
	}
	best := listed.Items[0]
	fmt.Println("model:", best.ModelType)

	predict := func(inputs any) (*projects.PredictionList, error) {
		request := projects.NewPredictionRequest(inputs)
		answer, _, err := models.Predict(me, best.Id).PredictionRequest(*request).Execute()
		return answer, err
	}

	// A row is a map; what it leaves out counts as missing.
	row := map[string]any{"amount": 120, "night": 1, "first_purchase": 1, "purchases_today": 5}
	one, err := predict(row)
	if err != nil {
		log.Fatal(err)
	}
	told := one.Predictions[0]
	// Where the model predicts a number there are no probabilities.
	if probability, found := told.Probabilities[fmt.Sprint(told.Prediction)]; found {
		fmt.Printf("one row: %v %.0f%%\n", told.Prediction, 100*probability)
	}

	// Many rows are a slice of maps.
	two, err := predict([]map[string]any{row, {"amount": 12.5, "channel": "chip"}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("two rows:", two.Predictions[0].Prediction, two.Predictions[1].Prediction)

	// A value of the wrong type is refused, with its place.
	_, err = predict([]map[string]any{row, {"amount": "much"}})
	var failure *projects.GenericOpenAPIError
	if errors.As(err, &failure) {
		problem := failure.Model().(projects.Problem)
		for _, fault := range problem.Errors {
			fmt.Println(problem.Status, fault.Pointer, fault.Message)
		}
	}
}
