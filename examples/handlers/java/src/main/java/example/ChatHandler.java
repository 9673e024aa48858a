package example;

import com.google.protobuf.Empty;
import io.grpc.Server;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.protobuf.services.HealthStatusManager;
import io.grpc.protobuf.services.ProtoReflectionServiceV1;
import io.grpc.stub.StreamObserver;
import java.net.InetSocketAddress;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import net.accelbyte.chat.chat.ChatUserConnectedServiceGrpc;
import net.accelbyte.chat.chat.PersonalChatPersonalChatSentServiceGrpc;
import net.accelbyte.chat.chat.PersonalChatSent;
import net.accelbyte.chat.chat.UserConnected;

/** An event handler app: greets whoever connects, and prints what is said. */
public final class ChatHandler {
  /** The ids of events that were handled: delivery is at least once. */
  private static final Set<String> SEEN = ConcurrentHashMap.newKeySet();

  private static final class Greeter
      extends ChatUserConnectedServiceGrpc.ChatUserConnectedServiceImplBase {
    @Override
    public void onMessage(UserConnected event, StreamObserver<Empty> answer) {
      handle(event.getId(), "connected " + event.getUserId(), answer);
    }
  }

  private static final class Listener
      extends PersonalChatPersonalChatSentServiceGrpc.PersonalChatPersonalChatSentServiceImplBase {
    @Override
    public void onMessage(PersonalChatSent event, StreamObserver<Empty> answer) {
      String text = event.getPayload().getPersonalChatSent().getPayload();
      handle(event.getId(), "said " + text, answer);
    }
  }

  private static void handle(String id, String line, StreamObserver<Empty> answer) {
    if (SEEN.add(id)) {
      System.out.println(line);
    }
    answer.onNext(Empty.getDefaultInstance());
    answer.onCompleted();
  }

  /** Takes the port: 6565 by default; 0 takes a free one. */
  public static void main(String[] arguments) throws Exception {
    int port = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 6565;
    Server server =
        NettyServerBuilder.forAddress(new InetSocketAddress("127.0.0.1", port))
            .addService(new Greeter())
            .addService(new Listener())
            .addService(new HealthStatusManager().getHealthService())
            .addService(ProtoReflectionServiceV1.newInstance())
            .build()
            .start();
    System.out.println("listening on 127.0.0.1:" + server.getPort());
    server.awaitTermination();
  }
}
