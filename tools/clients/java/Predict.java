// Ask a model with the Java client that openapi-generator generates.

import java.util.List;
import java.util.Map;
import java.util.UUID;

import projects.client.ApiClient;
import projects.client.ApiException;
import projects.client.api.TrainedModelsApi;
import projects.client.model.Prediction;
import projects.client.model.PredictionRequest;
import projects.client.model.Problem;
import projects.client.model.ProblemFault;
import projects.client.model.TrainedModel;

public class Predict {
    public static void main(String[] arguments) throws Exception {
        ApiClient me = new ApiClient();
        me.updateBaseUri(System.getenv("BASE_URL"));
        me.setRequestInterceptor(
            request -> request.setHeader("Authorization", "Bearer " + System.getenv("API_KEY")));
        TrainedModelsApi models = new TrainedModelsApi(me);

        // The newest experiment's models come first, the best of them at the top.
        UUID projectId = UUID.fromString(System.getenv("PROJECT_ID"));
        TrainedModel best = models.listModels(projectId, null, 1, 0).getItems().get(0);
        System.out.println("model: " + best.getModelType());

        // A row is a map; what it leaves out counts as missing.
        Map<String, ?> row =
            Map.of("amount", 120, "night", 1, "first_purchase", 1, "purchases_today", 5);
        PredictionRequest one = new PredictionRequest().inputs(row);
        Prediction told = models.predict(best.getId(), one).getPredictions().get(0);
        if (told.getProbabilities() != null) { // it is null where the model predicts a number
            double probability = told.getProbabilities().get(told.getPrediction().toString());
            System.out.printf("one row: %s %.0f%%%n", told.getPrediction(), 100 * probability);
        }

        // Many rows are a list of maps.
        List<?> rows = List.of(row, Map.of("amount", 12.5, "channel", "chip"));
        PredictionRequest two = new PredictionRequest().inputs(rows);
        System.out.print("two rows:");
        for (Prediction each : models.predict(best.getId(), two).getPredictions()) {
            System.out.print(" " + each.getPrediction());
        }
        System.out.println();

        // A value of the wrong type is refused, with its place.
        List<?> wrong = List.of(row, Map.of("amount", "much"));
        try {
            models.predict(best.getId(), new PredictionRequest().inputs(wrong));
        } catch (ApiException error) {
            Problem problem =
                ApiClient.createDefaultObjectMapper()
                    .readValue(error.getResponseBody(), Problem.class);
            for (ProblemFault fault : problem.getErrors()) {
                System.out.println(
                    error.getCode() + " " + fault.getPointer() + " " + fault.getMessage());
            }
        }
    }
}
