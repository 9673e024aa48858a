package example;

import com.google.protobuf.Struct;
import com.google.protobuf.util.JsonFormat;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.simulator.v1.BrokerGrpc;
import io.simulator.v1.PlayProgress;
import io.simulator.v1.PlayRequest;
import io.simulator.v1.PlayState;
import io.simulator.v1.Record;
import io.simulator.v1.ScenariosGrpc;
import io.simulator.v1.SubscribeRequest;
import io.simulator.v1.SubscribeResponse;
import java.util.Iterator;
import java.util.concurrent.TimeUnit;
import net.accelbyte.chat.chat.UserChatRateLimitedPayload;
import net.accelbyte.chat.chat.UserPayloadDisconnected;

/** Plays a story on a running simulator and reads back what it put on the log. */
public final class ChatClient {

  public static void main(String[] arguments) throws Exception {
    if (arguments.length != 1) {
      System.err.println("usage: ChatClient HOST:PORT");
      System.exit(2);
    }
    ManagedChannel channel =
        Grpc.newChannelBuilder(arguments[0], InsecureChannelCredentials.create()).build();
    try {
      if (run(channel) == 0) {
        throw new IllegalStateException("nobody was rate-limited");
      }
    } finally {
      channel.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
    }
  }

  private static int run(ManagedChannel channel) throws Exception {
    // doc: begin
    Iterator<PlayProgress> play =
        ScenariosGrpc.newBlockingStub(channel)
            .play(
                PlayRequest.newBuilder()
                    .setName("rate_limited")
                    .setSpeed(0) // as fast as possible
                    .build());
    PlayProgress outcome = null; // progress, and at the end the outcome
    while (play.hasNext()) {
      outcome = play.next();
    }
    if (outcome == null || outcome.getState() != PlayState.PLAY_STATE_PASSED) {
      throw new IllegalStateException("the story did not pass: " + outcome);
    }

    Iterator<SubscribeResponse> stream =
        BrokerGrpc.newBlockingStub(channel)
            .subscribe(
                SubscribeRequest.newBuilder()
                    .addTopics("chat")
                    .addTopics("personalChat")
                    .setTyped(true)
                    .setStopAtEnd(true) // leave it out to go on with what comes
                    .build());
    int limited = 0;
    while (stream.hasNext()) {
      for (Record record : stream.next().getRecordsList()) {
        Struct.Builder event = Struct.newBuilder();
        JsonFormat.parser().merge(record.getJson(), event);
        System.out.println(event.getFieldsOrThrow("name").getStringValue());
        if (record.getEvent().is(UserChatRateLimitedPayload.class)) {
          UserPayloadDisconnected hit =
              record
                  .getEvent()
                  .unpack(UserChatRateLimitedPayload.class)
                  .getPayload()
                  .getUserDisconnected();
          System.out.println("  " + hit.getCode() + " " + hit.getReason());
          limited++;
        }
      }
    }
    // doc: end
    return limited;
  }

  private ChatClient() {}
}
