// The whole story with the Java client that openapi-generator generates.

import java.io.File;
import java.io.FileInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;

import projects.client.ApiClient;
import projects.client.ApiException;
import projects.client.api.DatasetsApi;
import projects.client.api.DeploymentsApi;
import projects.client.api.ExperimentsApi;
import projects.client.api.ExportApi;
import projects.client.api.MembersApi;
import projects.client.api.ProjectsApi;
import projects.client.api.TimelineApi;
import projects.client.api.TrainedModelsApi;
import projects.client.model.DatasetEvent;
import projects.client.model.DatasetUpload;
import projects.client.model.DeploymentCreate;
import projects.client.model.DeploymentCreated;
import projects.client.model.DeploymentStage;
import projects.client.model.ExperimentConfig;
import projects.client.model.ExperimentCreate;
import projects.client.model.ExperimentCreated;
import projects.client.model.ExperimentRequestedType;
import projects.client.model.Member;
import projects.client.model.MemberAdd;
import projects.client.model.MemberRole;
import projects.client.model.Prediction;
import projects.client.model.PredictionOptions;
import projects.client.model.PredictionRequest;
import projects.client.model.Problem;
import projects.client.model.ProjectCreate;
import projects.client.model.ProjectCreated;
import projects.client.model.ProjectList;
import projects.client.model.ProjectUpdate;

public class Story {
    /** A client that calls as the key's owner. */
    static ApiClient signIn(String apiKey) {
        ApiClient client = new ApiClient();
        client.updateBaseUri(System.getenv("BASE_URL"));
        client.setRequestInterceptor(
            request -> request.setHeader("Authorization", "Bearer " + apiKey));
        return client;
    }

    interface Call {
        void run() throws ApiException;
    }

    /** Print what kind of problem a call ends with. */
    static void report(Call call) throws Exception {
        try {
            call.run();
        } catch (ApiException error) {
            Problem problem =
                ApiClient.createDefaultObjectMapper()
                    .readValue(error.getResponseBody(), Problem.class);
            String type = problem.getType().toString();
            System.out.println(problem.getStatus() + type.substring(type.lastIndexOf(':')).replace(':', ' '));
            return;
        }
        throw new AssertionError("no problem");
    }

    static void expect(boolean held) {
        if (!held) {
            throw new AssertionError();
        }
    }

    public static void main(String[] arguments) throws Exception {
        ApiClient me = signIn(System.getenv("API_KEY"));
        ApiClient colleague = signIn(System.getenv("COLLEAGUE_KEY"));
        ApiClient stranger = signIn("no such key");
        ProjectsApi projects = new ProjectsApi(me);
        MembersApi members = new MembersApi(me);
        DatasetsApi datasets = new DatasetsApi(me);
        File table = new File(System.getenv("DATASET"));
        byte[] content = Files.readAllBytes(table.toPath());

        // Create a project and rename it.
        ProjectCreated created = projects.createProject(new ProjectCreate().name("Iris"), null);
        UUID projectId = created.getProjectId();
        System.out.println("created: " + created.getProject().getName());

        ProjectUpdate rename = new ProjectUpdate().name("Iris flowers");
        System.out.println(
            "updated: " + projects.updateProject(projectId, rename, null).getProject().getName());

        ProjectList found = projects.listProjects(10, 0, "FLOWERS", null, null);
        System.out.println("found: " + found.getTotal() + " " + found.getItems().get(0).getStatus());

        // Share it.
        MemberAdd invitation =
            new MemberAdd().email(System.getenv("COLLEAGUE_EMAIL")).role(MemberRole.EDITOR);
        members.addMember(projectId, invitation, null);
        List<Member> everybody = members.listMembers(projectId, 10, 0).getItems();
        System.out.println(
            "members: "
                + everybody.stream()
                    .map(member -> member.getName() + " " + member.getRole())
                    .collect(Collectors.joining(" ")));

        // Upload a file, see it in the timeline, download it again.
        DatasetUpload uploaded =
            new DatasetsApi(colleague).uploadDataset(projectId, table.getName(), table, null, null);
        System.out.println("uploaded: score " + Math.round(uploaded.getQuality().getOverallScore()));

        DatasetEvent event =
            new TimelineApi(me).getTimeline(projectId, 10, 0, null).getEvents().get(0).getDatasetEvent();
        System.out.println(
            "timeline: " + event.getName() + " " + event.getRows() + " rows, "
                + event.getColumns() + " columns");

        File downloaded = datasets.downloadDataset(uploaded.getDatasetId(), null, null);
        expect(Files.mismatch(downloaded.toPath(), table.toPath()) == -1);
        System.out.println("downloaded: " + downloaded.length() + " bytes");

        // Export the project and unzip the archive.
        File exported = new ExportApi(me).exportProject(projectId);
        List<String> names = new ArrayList<>();
        try (ZipInputStream archive = new ZipInputStream(new FileInputStream(exported))) {
            for (ZipEntry entry; (entry = archive.getNextEntry()) != null; ) {
                names.add(Path.of(entry.getName()).getFileName().toString());
                byte[] file = archive.readAllBytes();
                expect(names.size() == 1 || Arrays.equals(file, content));
            }
        }
        System.out.println("exported: " + String.join(" ", names));

        // Start an experiment, and cancel it.
        ExperimentsApi experiments = new ExperimentsApi(me);
        ExperimentCreate wanted =
            new ExperimentCreate()
                .projectId(projectId)
                .datasetVersionId(uploaded.getDatasetVersionId())
                .name("AutoML Run 1")
                .targetColumn("species")
                .problemType(ExperimentRequestedType.MULTICLASS)
                .config(new ExperimentConfig().maxModels(2));
        ExperimentCreated started = experiments.createExperiment(wanted, null);
        ExperimentConfig config = started.getExperiment().getConfig();
        System.out.println(
            "experiment: " + started.getExperiment().getStatus() + " "
                + config.getMaxModels() + " models " + config.getNfolds() + " folds");
        experiments.deleteExperiment(started.getExperimentId());

        // Deploy a model that is trained, and ask it by its new name.
        DeploymentsApi deployments = new DeploymentsApi(me);
        UUID payments = UUID.fromString(System.getenv("PROJECT_ID"));
        UUID modelId =
            new TrainedModelsApi(me).listModels(payments, null, 1, 0).getItems().get(0).getId();
        DeploymentCreate production =
            new DeploymentCreate()
                .modelId(modelId).name("Fraud check").stage(DeploymentStage.PRODUCTION);
        DeploymentCreated deployed = deployments.createDeployment(payments, production, null);
        System.out.println(
            "deployed: " + deployed.getDeployment().getStage() + " "
                + deployed.getDeployment().getStatus());

        PredictionRequest question =
            new PredictionRequest()
                .inputs(Map.of("amount", 12.5, "channel", "chip"))
                .options(new PredictionOptions().probabilities(false));
        Prediction told =
            deployments.predictWithDeployment(deployed.getDeploymentId(), question)
                .getPredictions().get(0);
        expect(told.getProbabilities() == null);
        System.out.println("asked: " + told.getPrediction());

        // What can go wrong is thrown.
        report(() -> new ProjectsApi(stranger).getProject(projectId, null));
        report(() -> new ProjectsApi(colleague).deleteProject(projectId, null));
        report(() -> members.removeMember(projectId, everybody.get(0).getUserId()));
        report(() -> datasets.uploadDataset(projectId, "archive.csv", exported, null, null));

        System.out.println("deleted: " + projects.deleteProject(projectId, null).getOk());
        report(() -> projects.getProject(projectId, null));
    }
}
