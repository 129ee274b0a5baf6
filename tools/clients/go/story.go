// The whole story with the Go client that openapi-generator generates.
package main

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"net/http"
	"os"
	"path"
	"strings"

	projects "example.com/projects/client"
)

// signIn gives a context whose calls are the key's owner's.
func signIn(apiKey string) context.Context {
	return context.WithValue(context.Background(), projects.ContextAccessToken, apiKey)
}

// must gives the result of a call that went well.
func must[Result any](result Result, _ *http.Response, err error) Result {
	if err != nil {
		log.Fatal(err)
	}
	return result
}

// report prints what kind of problem a call ended with.
func report[Result any](_ Result, _ *http.Response, err error) {
	var failure *projects.GenericOpenAPIError
	if !errors.As(err, &failure) {
		log.Fatalf("no problem, but %v", err)
	}
	problem := failure.Model().(projects.Problem)
	fmt.Println(problem.Status, problem.Type[strings.LastIndex(problem.Type, ":")+1:])
}

// open opens a file, or ends the story.
func open(name string) *os.File {
	file, err := os.Open(name)
	if err != nil {
		log.Fatal(err)
	}
	return file
}

func main() {
	configuration := projects.NewConfiguration()
	configuration.Servers[0].URL = os.Getenv("BASE_URL")
	client := projects.NewAPIClient(configuration)
	me := signIn(os.Getenv("API_KEY"))
	colleague := signIn(os.Getenv("COLLEAGUE_KEY"))
	stranger := signIn("no such key")
	content, err := os.ReadFile(os.Getenv("DATASET"))
	if err != nil {
		log.Fatal(err)
	}
	name := path.Base(os.Getenv("DATASET"))

	// Create a project and rename it.
	created := must(client.ProjectsAPI.CreateProject(me).
		ProjectCreate(*projects.NewProjectCreate("Iris")).Execute())
	id := created.ProjectId
	fmt.Println("created:", created.Project.Name)

	updated := must(client.ProjectsAPI.UpdateProject(me, id).
		ProjectUpdate(*projects.NewProjectUpdate("Iris flowers")).Execute())
	fmt.Println("updated:", updated.Project.Name)

	found := must(client.ProjectsAPI.ListProjects(me).Search("FLOWERS").Limit(10).Execute())
	fmt.Println("found:", found.Total, found.Items[0].Status)

	// Share it.
	invitation := projects.NewMemberAdd(os.Getenv("COLLEAGUE_EMAIL"))
	invitation.SetRole(projects.MEMBERROLE_EDITOR)
	must(client.MembersAPI.AddMember(me, id).MemberAdd(*invitation).Execute())
	members := must(client.MembersAPI.ListMembers(me, id).Execute()).Items
	fmt.Print("members:")
	for _, member := range members {
		fmt.Print(" ", member.Name, " ", member.Role)
	}
	fmt.Println()

	// Upload a file, see it in the timeline, download it again.
	uploaded := must(client.DatasetsAPI.UploadDataset(colleague).
		ProjectId(id).Name(name).File(open(os.Getenv("DATASET"))).Execute())
	fmt.Println("uploaded: score", math.Round(uploaded.Quality.OverallScore))

	event := must(client.TimelineAPI.GetTimeline(me, id).Execute()).Events[0].DatasetEvent
	fmt.Println("timeline:", event.Name, event.Rows, "rows,", event.Columns, "columns")

	download := must(client.DatasetsAPI.DownloadDataset(me, uploaded.DatasetId).Execute())
	downloaded, err := io.ReadAll(download)
	if err != nil || !bytes.Equal(downloaded, content) {
		log.Fatal("not the file that was uploaded: ", err)
	}
	fmt.Println("downloaded:", len(downloaded), "bytes")

	// Export the project and unzip the archive.
	exported := must(client.ExportAPI.ExportProject(me, id).Execute())
	archive, err := zip.OpenReader(exported.Name())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print("exported:")
	for _, file := range archive.File {
		fmt.Print(" ", path.Base(file.Name))
	}
	fmt.Println()
	member, err := archive.File[1].Open()
	if err != nil {
		log.Fatal(err)
	}
	if unzipped, err := io.ReadAll(member); err != nil || !bytes.Equal(unzipped, content) {
		log.Fatal("not the file that was uploaded: ", err)
	}

	// Start an experiment, and cancel it.
	wanted := projects.NewExperimentCreate(
		id, uploaded.DatasetVersionId, "AutoML Run 1", "species",
		projects.EXPERIMENTREQUESTEDTYPE_MULTICLASS)
	config := projects.NewExperimentConfig()
	config.SetMaxModels(2)
	wanted.SetConfig(*config)
	started := must(client.ExperimentsAPI.CreateExperiment(me).ExperimentCreate(*wanted).Execute())
	shown := started.Experiment.Config
	fmt.Println("experiment:", started.Experiment.Status,
		shown.GetMaxModels(), "models", shown.GetNfolds(), "folds")
	must(client.ExperimentsAPI.DeleteExperiment(me, started.ExperimentId).Execute())

	// Deploy a model that is trained, and ask it by its new name.
	payments := os.Getenv("PROJECT_ID")
	models := must(client.TrainedModelsAPI.ListModels(me).ProjectId(payments).Limit(1).Execute())
	production := projects.NewDeploymentCreate(models.Items[0].Id, "Fraud check")
	production.SetStage(projects.DEPLOYMENTSTAGE_PRODUCTION)
	deployed := must(client.DeploymentsAPI.CreateDeployment(me, payments).
		DeploymentCreate(*production).Execute())
	fmt.Println("deployed:", deployed.Deployment.Stage, deployed.Deployment.Status)

	question := projects.NewPredictionRequest(map[string]any{"amount": 12.5, "channel": "chip"})
	question.SetOptions(projects.PredictionOptions{Probabilities: projects.PtrBool(false)})
	told := must(client.DeploymentsAPI.PredictWithDeployment(me, deployed.DeploymentId).
		PredictionRequest(*question).Execute()).Predictions[0]
	if told.Probabilities != nil {
		log.Fatal("nobody asked for probabilities")
	}
	fmt.Println("asked:", told.Prediction)

	// What can go wrong is an error with a problem in it.
	report(client.ProjectsAPI.GetProject(stranger, id).Execute())
	report(client.ProjectsAPI.DeleteProject(colleague, id).Execute())
	report(client.MembersAPI.RemoveMember(me, id, members[0].UserId).Execute())
	report(client.DatasetsAPI.UploadDataset(me).
		ProjectId(id).Name("archive.csv").File(open(exported.Name())).Execute())

	deleted := must(client.ProjectsAPI.DeleteProject(me, id).Execute())
	fmt.Println("deleted:", deleted.Ok)
	report(client.ProjectsAPI.GetProject(me, id).Execute())
}
