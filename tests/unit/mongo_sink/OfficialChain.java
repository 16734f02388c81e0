import com.mongodb.kafka.connect.sink.MongoSinkConfig;
import com.mongodb.kafka.connect.sink.MongoSinkTopicConfig;
import com.mongodb.kafka.connect.sink.converter.SinkDocument;
import com.mongodb.kafka.connect.sink.processor.PostProcessor;
import com.mongodb.kafka.connect.sink.processor.PostProcessors;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.connect.sink.SinkRecord;
import org.bson.BsonArray;
import org.bson.BsonBinaryReader;
import org.bson.BsonBinaryWriter;
import org.bson.BsonDocument;
import org.bson.BsonNull;
import org.bson.BsonValue;
import org.bson.codecs.BsonDocumentCodec;
import org.bson.codecs.DecoderContext;
import org.bson.codecs.EncoderContext;
import org.bson.io.BasicOutputBuffer;

/**
 * What the post processors of MongoDB's own connector make of documents, without log and server.
 *
 * <p>In the one file, in BSON, a record's {@code partition}, {@code offset} and {@code timestamp}, and {@code cases},
 * each with {@code properties}, {@code key} and {@code documents}. Into the other one {@code made}: for each case an
 * array of documents, null for those that are refused.
 */
class OfficialChain {
  public static void main(String[] files) throws Exception {
    BsonDocument asked =
        new BsonDocumentCodec()
            .decode(
                new BsonBinaryReader(ByteBuffer.wrap(Files.readAllBytes(Path.of(files[0])))),
                DecoderContext.builder().build());
    BsonArray made = new BsonArray();
    asked.getArray("cases").forEach(each -> made.add(made(asked, each.asDocument())));
    BasicOutputBuffer buffer = new BasicOutputBuffer();
    new BsonDocumentCodec()
        .encode(
            new BsonBinaryWriter(buffer), new BsonDocument("made", made), EncoderContext.builder().build());
    Files.write(Path.of(files[1]), buffer.toByteArray());
  }

  private static BsonArray made(BsonDocument asked, BsonDocument each) {
    Map<String, String> properties = new HashMap<>();
    each.getDocument("properties").forEach((name, value) -> properties.put(name, value.asString().getValue()));
    String topic = properties.get("topics");
    MongoSinkTopicConfig config = new MongoSinkConfig(properties).getMongoSinkTopicConfig(topic);
    PostProcessors chain = new PostProcessors(config, config.getList("post.processor.chain"));
    SinkRecord record =
        new SinkRecord(
            topic,
            asked.getInt32("partition").getValue(),
            null,
            null,
            null,
            null,
            asked.getInt64("offset").getValue(),
            asked.getInt64("timestamp").getValue(),
            TimestampType.CREATE_TIME);
    BsonArray made = new BsonArray();
    for (BsonValue document : each.getArray("documents")) {
      SinkDocument processed = new SinkDocument(each.getDocument("key").clone(), document.asDocument());
      made.add(processed(chain, processed, record));
    }
    return made;
  }

  private static BsonValue processed(PostProcessors chain, SinkDocument document, SinkRecord record) {
    try {
      for (PostProcessor processor : chain.getPostProcessorList()) {
        processor.process(document, record);
      }
    } catch (RuntimeException refused) {
      return BsonNull.VALUE;
    }
    return document.getValueDoc().orElseThrow();
  }
}
