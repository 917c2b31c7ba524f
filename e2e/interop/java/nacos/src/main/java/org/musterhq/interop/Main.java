package org.musterhq.interop;

import com.alibaba.nacos.api.NacosFactory;
import com.alibaba.nacos.api.exception.NacosException;
import com.alibaba.nacos.api.naming.NamingMaintainFactory;
import com.alibaba.nacos.api.naming.NamingMaintainService;
import com.alibaba.nacos.api.naming.NamingService;
import com.alibaba.nacos.api.naming.listener.NamingEvent;
import com.alibaba.nacos.api.naming.pojo.Instance;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.Map;
import java.util.Properties;

/** A program with Nacos' own client in its first version. It is told what to do on standard input. */
public final class Main {
    private static final Map<String, String> ENV = System.getenv();
    private static volatile int told;

    public static void main(String[] args) throws Exception {
        Properties settings = new Properties();
        settings.setProperty("serverAddr", ENV.get("SERVERS"));
        NamingService naming = NacosFactory.createNamingService(settings);
        NamingMaintainService maintain = NamingMaintainFactory.createMaintainService(settings);
        Instance self = new Instance();
        self.setIp("127.0.0.1");
        self.setPort(Integer.parseInt(ENV.get("PORT")));
        self.addMetadata("client", "java");
        self.addMetadata("preserved.heart.beat.interval", ENV.get("RENEW"));
        self.addMetadata("preserved.heart.beat.timeout", ENV.get("LEASE"));
        self.addMetadata("preserved.ip.delete.timeout", ENV.get("LEASE"));
        naming.registerInstance(ENV.get("APP"), self);
        naming.subscribe(ENV.get("WATCH"), event -> told = ((NamingEvent) event).getInstances().size());
        say("STARTED");
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = in.readLine()) != null; ) {
            String[] word = line.split(" ");
            try {
                switch (word[0]) {
                    case "sees" -> say("SEES " + naming.selectInstances(word[1], true).size());
                    case "told" -> say("TOLD " + told);
                    case "enabled" -> {
                        self.setEnabled(Boolean.parseBoolean(word[1]));
                        maintain.updateInstance(ENV.get("APP"), self);
                        say("DONE");
                    }
                    case "stop" -> {
                        naming.deregisterInstance(ENV.get("APP"), self);
                        say("STOPPED");
                        System.exit(0);
                    }
                    default -> say("UNKNOWN " + line);
                }
            } catch (NacosException e) { // The registry could not be asked.
                say("FAILED " + e);
            }
        }
        System.exit(1); // The test is gone.
    }

    private static void say(String what) {
        System.out.println("@ " + what);
    }
}
